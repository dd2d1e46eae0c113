#include "session/PasswordThreads.h"

#include "session/Answer.h"

#include <chrono>

namespace usher::session {

namespace {

constexpr std::size_t kThreads = 2, kMaxWaiting = 12;
/// A hash and the statement after it: what has less time left would only be wasted work.
constexpr std::chrono::milliseconds kNeeded{250};

} // namespace

void PasswordThreads::start() {
    {
        const plugin::Lock lock(_mutex);
        _stopping = false;
    }
    for (std::size_t i = 0; i < kThreads; ++i) _threads.push_back(auth::startThread([this] { run(); }));
}

void PasswordThreads::stop() {
    std::deque<std::unique_ptr<Task>> abandoned;
    {
        const plugin::Lock lock(_mutex);
        _stopping = true;
        abandoned.swap(_waiting);
    }
    _changed.notifyAll();
    for (const std::unique_ptr<Task>& task : abandoned) task->call.respond(tooBusy(task->ask));
    for (std::thread& thread : _threads) thread.join();
    _threads.clear();
}

void PasswordThreads::post(auth::HttpCall call, Ask ask, Work work) {
    auto task = std::make_unique<Task>(Task{std::move(call), std::move(ask), std::move(work)});
    {
        const plugin::Lock lock(_mutex);
        if (!_stopping && _waiting.size() < kMaxWaiting) _waiting.push_back(std::move(task));
    }
    if (task) {
        task->call.respond(tooBusy(task->ask));
        return;
    }
    _changed.notifyOne();
}

void PasswordThreads::run() {
    while (true) {
        std::unique_ptr<Task> task;
        {
            plugin::Lock lock(_mutex);
            while (_waiting.empty() && !_stopping) _changed.wait(lock);
            if (_stopping) return;
            task = std::move(_waiting.front());
            _waiting.pop_front();
        }
        const bool late = std::chrono::steady_clock::now() + kNeeded > task->ask.deadline;
        task->call.respond(late ? tooBusy(task->ask) : task->work(task->ask));
    }
}

} // namespace usher::session
