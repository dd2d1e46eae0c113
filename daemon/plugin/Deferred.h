#pragma once

#include "domain/Authenticator.h"

#include <usher/auth.h>

#include <utility>

namespace usher {

class PluginInstance;

/// The answer of a call that is completed inside check(), kept until check() has returned: the daemon goes on
/// in its own time, not in the plugin's, and not on top of the plugin's stack. On the stack of whoever calls
/// check().
class Deferred {
public:
    Deferred(usher_call call, const PluginInstance* instance)
        : _call(call), _instance(instance), _outer(std::exchange(current, this)) {}
    ~Deferred() {
        if (current == this) current = _outer;
    }
    Deferred(const Deferred&) = delete;
    Deferred& operator=(const Deferred&) = delete;

    static Deferred* of(usher_call call, const PluginInstance* instance) {
        return current && current->_call == call && current->_instance == instance ? current : nullptr;
    }
    void keep(Authenticator::Done done, Answer answer) {
        _done = std::move(done);
        _answer = std::move(answer);
    }
    void finish() {
        current = _outer;
        if (_done) _done(std::move(_answer));
    }

private:
    static inline thread_local Deferred* current = nullptr;
    const usher_call _call;
    const PluginInstance* const _instance;
    Deferred* const _outer;
    Authenticator::Done _done;
    Answer _answer;
};

} // namespace usher
