#include "app/WebhookDeliveries.h"

#include "app/WebhookMessages.h"
#include "base/Seal.h"
#include "base/Text.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace usher {

namespace {

constexpr int kBatch = 64;
constexpr std::size_t kMostApart = 1000; ///< webhooks that a question leaves out
constexpr std::chrono::seconds kLease{90};
constexpr std::chrono::seconds kServe{30};    ///< one webhook at a stretch
constexpr std::chrono::seconds kStale{45};    ///< a task that waited for a worker so long is given back
constexpr std::chrono::seconds kMostRest{60}; ///< of a webhook that fails
constexpr std::chrono::seconds kFirstDelay{5}, kMostDelay{6 * 3600};
constexpr std::chrono::milliseconds kPause{50}; ///< between two looks while there is much to do
constexpr std::chrono::milliseconds kPoll{1000};

double jitter() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(random);
}

DeliveryResult resultOf(const Delivery& delivery, DeliveryResult::Kind kind) {
    DeliveryResult result;
    result.kind = kind;
    result.deliveryId = delivery.id;
    result.webhookId = delivery.webhookId;
    result.attempt = delivery.attempt;
    return result;
}

/// It was not sent after all.
DeliveryResult giveBack(const Delivery& delivery, std::chrono::milliseconds delay) {
    DeliveryResult result = resultOf(delivery, DeliveryResult::Kind::again);
    result.tried = false;
    result.delay = delay;
    return result;
}

} // namespace

std::chrono::milliseconds WebhookDeliveries::delayAfter(int attempt, double jitter) {
    const double seconds = static_cast<double>(kFirstDelay.count()) * std::pow(4.0, attempt - 1);
    const double most = std::min(seconds, static_cast<double>(kMostDelay.count()));
    return std::chrono::milliseconds(static_cast<std::int64_t>(most * 1000 * (0.5 + jitter / 2)));
}

void WebhookDeliveries::start() {
    _thread = std::thread([this] { run(); });
    for (int i = 0; i < kWorkers; ++i) _workers.emplace_back([this] { work(); });
}

void WebhookDeliveries::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _arrived.notifyAll();
    for (std::thread& worker : _workers) worker.join();
    _workers.clear();
    {
        Lock lock(_mutex);
        _ending = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

bool WebhookDeliveries::stopping() {
    Lock lock(_mutex);
    return _stopping;
}

void WebhookDeliveries::run() {
    std::vector<DeliveryResult> results; // not stored yet
    bool away = false;
    Instant nextNear{};
    while (true) {
        bool stop = false;
        {
            Lock lock(_mutex);
            const Instant poll = _clock.instant() + kPoll;
            while (!_ending && _results.empty() && _done.empty() && _clock.instant() < poll)
                _changed.waitUntil(lock, poll);
            const Instant pause = _clock.instant() + (away ? kPoll : kPause);
            while (!_ending && _clock.instant() < pause) _changed.waitUntil(lock, pause);
            std::move(_results.begin(), _results.end(), std::back_inserter(results));
            _results.clear();
            for (const std::string& id : _done) _busy.erase(id);
            _done.clear();
            stop = _ending;
        }
        try {
            store(results);
            if (stop) return;
            if (_clock.instant() >= nextNear) {
                _store.bringNear(kMostDelay + kLease);
                nextNear = _clock.instant() + std::chrono::minutes(1);
            }
            if (!_key.empty()) take();
            away = false;
        } catch (const std::exception& error) {
            if (!away) _logger.warning("webhooks wait for the database: " + std::string(error.what()));
            away = true;
            if (stop) return; // the leases end, and others send again what was sent
        }
    }
}

void WebhookDeliveries::store(std::vector<DeliveryResult>& results) {
    if (results.empty()) return;
    _store.settle(results);
    for (const DeliveryResult& result : results)
        if (result.kind == DeliveryResult::Kind::again && result.delay.count() > 0)
            _resting[result.webhookId] =
                _clock.instant() + std::min<std::chrono::milliseconds>(result.delay, kMostRest);
    results.clear();
}

void WebhookDeliveries::take() {
    std::erase_if(_resting, [&](const auto& rest) { return rest.second <= _clock.instant(); });
    std::vector<std::string> without; // the busy first: of those that rest, some may be left out
    {
        Lock lock(_mutex);
        if (_stopping || _busy.size() >= kWorkers) return;
        without.assign(_busy.begin(), _busy.end());
    }
    for (const auto& [id, _] : _resting) without.push_back(id);
    if (without.size() > kMostApart) without.resize(kMostApart);
    std::vector<Delivery> due = _store.takeDue(kLease, kBatch, without);
    if (due.empty()) return;
    const Instant now = _clock.instant();
    Lock lock(_mutex);
    for (Delivery& delivery : due) {
        if (_tasks.empty() || _tasks.back().deliveries.front().webhookId != delivery.webhookId)
            _tasks.push_back({{}, now});
        _busy.insert(delivery.webhookId);
        _tasks.back().deliveries.push_back(std::move(delivery));
    }
    _arrived.notifyAll();
}

void WebhookDeliveries::work() {
    while (true) {
        Task task;
        {
            Lock lock(_mutex);
            while (_tasks.empty() && !_stopping) _arrived.wait(lock);
            if (_tasks.empty()) return;
            task = std::move(_tasks.front());
            _tasks.pop_front();
        }
        std::vector<DeliveryResult> results = serve(task);
        {
            Lock lock(_mutex);
            std::move(results.begin(), results.end(), std::back_inserter(_results));
            _done.push_back(task.deliveries.front().webhookId);
        }
        _changed.notifyOne();
    }
}

std::vector<DeliveryResult> WebhookDeliveries::serve(const Task& task) {
    std::vector<DeliveryResult> results;
    const Instant begun = _clock.instant();
    const bool stale = begun - task.taken > kStale;
    std::optional<std::chrono::milliseconds> rest;
    for (const Delivery& delivery : task.deliveries) {
        if (rest || stale || stopping() || _clock.instant() - begun > kServe) {
            results.push_back(giveBack(delivery, rest.value_or(std::chrono::milliseconds(0))));
            continue;
        }
        results.push_back(attempt(delivery));
        const DeliveryResult& result = results.back();
        if (result.kind == DeliveryResult::Kind::again)
            rest = std::min<std::chrono::milliseconds>(result.delay, kMostRest);
    }
    return results;
}

DeliveryResult WebhookDeliveries::attempt(const Delivery& delivery) {
    const auto sealed = fromBase64(delivery.sealed);
    const auto secret = sealed ? unseal(_key, *sealed, delivery.webhookId) : std::nullopt;
    const auto message = secret ? composeMessage(delivery, *secret, _clock.now()) : std::nullopt;
    if (!message) {
        _logger.error("webhook " + delivery.webhookId + " job=" + delivery.jobId +
                      ": its secret was encrypted with another key than this node's [secrets] key_file");
        return giveBack(delivery, kMostRest);
    }
    return judge(delivery, _sender.send(*message, _clock.instant() + kTry));
}

DeliveryResult WebhookDeliveries::judge(const Delivery& delivery, const WebhookAnswer& answer) {
    DeliveryResult result = resultOf(delivery, DeliveryResult::Kind::delivered);
    result.status = answer.status;
    const std::string line = "webhook " + delivery.webhookId + " job=" + delivery.jobId + " message=msg_" +
                             delivery.id + " run." + delivery.status +
                             " try=" + std::to_string(delivery.attempt);
    if (answer.status && *answer.status >= 200 && *answer.status < 300) {
        _logger.debug(line + " delivered");
        return result;
    }
    result.error = answer.status ? "answered " + std::to_string(*answer.status) : oneLine(answer.error, 200);
    const bool last = delivery.attempt >= kMostTries || _clock.now() - delivery.createdAt > kMostAge;
    result.kind = last ? DeliveryResult::Kind::dropped : DeliveryResult::Kind::again;
    result.delay = delayAfter(delivery.attempt, jitter());
    if (last)
        _logger.warning(line + " given up: " + result.error);
    else
        _logger.information(line + " failed, again in " + std::to_string(result.delay.count()) +
                            "ms: " + result.error);
    return result;
}

} // namespace usher
