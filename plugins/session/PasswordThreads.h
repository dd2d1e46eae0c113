#pragma once

#include "common/Mutex.h"
#include "session/Ask.h"

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace usher::session {

/// The two threads that may hash passwords: one hash costs 0.1 s and 32 MiB, so a flood of sign-ins takes two
/// cores' time and 64 MiB at most, and no check thread waits for it. The queue is bounded; what does not fit,
/// or would not be done before its deadline, is answered 503. [any-thread], start() and stop() [main]
class PasswordThreads {
public:
    using Work = std::function<auth::HttpResponse(const Ask&)>;

    ~PasswordThreads() { stop(); }
    void start();
    /// Answers what is waiting with 503 and joins the threads.
    void stop();
    void post(auth::HttpCall call, Ask ask, Work work);

private:
    struct Task {
        auth::HttpCall call;
        Ask ask;
        Work work;
    };
    void run();

    plugin::Mutex _mutex;
    plugin::Condition _changed;
    std::deque<std::unique_ptr<Task>> _waiting PLUGIN_GUARDED_BY(_mutex);
    bool _stopping PLUGIN_GUARDED_BY(_mutex) = true;
    std::vector<std::thread> _threads; ///< [main]
};

} // namespace usher::session
