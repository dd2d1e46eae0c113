#include "plugin/Lane.h"

#include <csignal>
#include <pthread.h>

namespace usher {

std::thread startQuietThread(std::string name, std::function<void()> body) {
    sigset_t all, before;
    sigfillset(&all);
    // Inherited by the thread from its first instruction on; blocking inside would leave a gap.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct Restore {
        const sigset_t& mask;
        ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    } restore{before};
    std::thread thread(std::move(body));
    pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
    return thread;
}

Lane::Lane(std::string name, std::function<void(Work&)> run) : _name(std::move(name)), _run(std::move(run)) {}

void Lane::start(std::size_t threads) {
    _threads.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        _threads.push_back(startQuietThread(_name, [this] { serve(); }));
        Lock lock(_mutex);
        ++_alive;
    }
}

bool Lane::push(Work work) {
    Lock lock(_mutex);
    if (_ending || _alive <= 0) return false;
    _queue.push_back(std::move(work));
    const bool wake = _idle > 0;
    lock.unlock();
    if (wake) _something.notifyOne();
    return true;
}

void Lane::serve() {
    Lock lock(_mutex);
    while (true) {
        while (_queue.empty() && !_ending) {
            ++_idle;
            _something.wait(lock);
            --_idle;
        }
        if (_queue.empty()) break;
        Work work = std::move(_queue.front());
        _queue.pop_front();
        lock.unlock();
        _run(work);
        lock.lock();
    }
    --_alive;
    _ended.notifyAll();
}

bool Lane::finish(Instant until) {
    {
        Lock lock(_mutex);
        _ending = true;
        _something.notifyAll();
        while (_alive > 0)
            if (_ended.waitUntil(lock, until) == std::cv_status::timeout) break;
        if (_alive > 0) {
            for (std::thread& thread : _threads) thread.detach(); // nobody will ever wait for them
            _threads.clear();
            return false;
        }
    }
    for (std::thread& thread : _threads) thread.join();
    _threads.clear();
    return true;
}

LifeThread::LifeThread(std::string name) : _thread(startQuietThread(std::move(name), [this] { serve(); })) {}

LifeThread::~LifeThread() {
    {
        Lock lock(_mutex);
        _ending = true;
        _change.notifyAll();
    }
    _thread.join();
}

bool LifeThread::run(std::function<void()> task, std::chrono::milliseconds limit) {
    const Instant until = std::chrono::steady_clock::now() + limit;
    Lock lock(_mutex);
    const std::uint64_t ticket = ++_given;
    _tasks.push_back(std::move(task));
    _change.notifyAll();
    while (_done < ticket)
        if (_change.waitUntil(lock, until) == std::cv_status::timeout && _done < ticket) return false;
    return true;
}

bool LifeThread::busy() {
    Lock lock(_mutex);
    return _done < _given;
}

void LifeThread::serve() {
    Lock lock(_mutex);
    while (true) {
        while (_tasks.empty() && !_ending) _change.wait(lock);
        if (_tasks.empty()) return;
        std::function<void()> task = std::move(_tasks.front());
        _tasks.pop_front();
        lock.unlock();
        task();
        task = nullptr;
        lock.lock();
        ++_done;
        _change.notifyAll();
    }
}

} // namespace usher
