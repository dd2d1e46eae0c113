#include "http/EndWait.h"

#include "http/RunJson.h"

namespace usher {

namespace {

constexpr std::chrono::milliseconds kAgain{250};

} // namespace

void EndWait::begin(Parts parts, const std::shared_ptr<Exchange>& exchange, const std::string& runId,
                    std::chrono::milliseconds wait, std::function<Reply()> late, Fields fields) {
    auto self = std::make_shared<EndWait>(parts, exchange, runId, std::move(fields));
    std::weak_ptr<EndWait> weak = self; // for all but the timer: what is over must not be kept
    {
        Lock lock(self->_mutex);
        self->_timer = parts.timers.after(wait, [self, late = std::move(late)] {
            if (auto exchange = self->end()) exchange->reply(late());
        });
    }
    auto watch = parts.feed.watch(runId, [weak](const RunFeed::Change& change) {
        if (!change.status || !hasEnded(*change.status)) return;
        if (auto self = weak.lock()) self->look();
    });
    {
        Lock lock(self->_mutex);
        if (self->_exchange) std::swap(watch, self->_watch);
    }
    exchange->onAbandoned([weak] {
        if (auto self = weak.lock()) self->end();
    });
    self->look(); // it may have ended before the watch began
}

void EndWait::look() {
    std::weak_ptr<EndWait> weak = weak_from_this();
    const bool posted = _parts.pool.post([weak] {
        if (auto self = weak.lock()) self->answerIfEnded();
    });
    if (!posted) lookLater();
}

void EndWait::lookLater() {
    std::weak_ptr<EndWait> weak = weak_from_this();
    _parts.timers.after(kAgain, [weak] {
        if (auto self = weak.lock()) self->look();
    });
}

void EndWait::answerIfEnded() {
    try {
        auto run = _parts.runs.findRun(_runId);
        if (!run || !hasEnded(run->status)) return;
        auto exchange = end();
        if (!exchange) return;
        Reply reply = Reply::json(200, toJson(*run));
        for (const auto& [name, value] : _fields) reply.with(name, value);
        exchange->reply(std::move(reply));
    } catch (const std::exception&) {
        lookLater(); // the database is away, and nobody tells of an end twice
    }
}

std::shared_ptr<Exchange> EndWait::end() {
    std::shared_ptr<Exchange> exchange;
    RunFeed::Watch watch; // ends outside the lock
    Timers::Ticket timer;
    {
        Lock lock(_mutex);
        exchange = std::move(_exchange);
        std::swap(watch, _watch);
        timer = _timer;
    }
    if (exchange) _parts.timers.cancel(timer);
    return exchange;
}

} // namespace usher
