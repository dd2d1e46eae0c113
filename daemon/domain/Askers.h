#pragma once

#include <atomic>

namespace usher {

/// Who waits for the answer to a question: the client that asked it, or several whose equal requests share
/// one. When all have gone, whoever works on the question may drop it; nobody can join it then. Shared by
/// those who ask and those who answer. [any-thread]
class Askers {
public:
    /// One more. False: it was dropped, ask anew.
    bool join() {
        int waiting = _waiting.load();
        while (waiting >= 0)
            if (_waiting.compare_exchange_weak(waiting, waiting + 1)) return true;
        return false;
    }
    /// One of them went away; each says so once.
    void leave() { --_waiting; }
    /// True when nobody waits any more, and then for good.
    bool drop() {
        int waiting = _waiting.load(std::memory_order_relaxed);
        if (waiting > 0) return false;
        return waiting < 0 || _waiting.compare_exchange_strong(waiting, kDropped) || waiting < 0;
    }

private:
    static constexpr int kDropped = -1;
    std::atomic<int> _waiting{1};
};

} // namespace usher
