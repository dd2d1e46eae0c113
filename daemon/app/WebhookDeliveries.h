#pragma once

#include "base/Mutex.h"
#include "domain/WebhookSender.h"
#include "domain/WebhookStore.h"

#include <Poco/Logger.h>

#include <deque>
#include <map>
#include <set>
#include <thread>
#include <vector>

namespace usher {

/// DESIGN. Sends what lies in the outbox, at least once, from any node. One thread talks to the database: it
/// takes what is due under a lease, a batch at a time, hands it to some workers, and writes what became of it
/// with the next batch; so deliveries cost the database a few small transactions a second, whatever their
/// number. No transaction is open while something is sent. Each webhook is served by one worker at a time, in
/// order, so that one that is slow holds up no other; one that fails rests for a while.
///
/// A try fails by anything but a 2xx within ten seconds. It is tried again after 5 s, 20 s, 80 s … (at most
/// 6 h, with jitter), ten times and for a day at most. A node that dies leaves its lease: after 90 s the
/// message is sent by another, perhaps for the second time, with the same id.
/// start(), stop() [main].
class WebhookDeliveries {
public:
    static constexpr int kWorkers = 8;
    static constexpr int kMostTries = 10;
    static constexpr Micros kMostAge = 24ll * 3600 * 1'000'000;
    static constexpr std::chrono::seconds kTry{10};

    /// `key`: the one that secrets are sealed with; empty: nothing can be sent from here.
    WebhookDeliveries(std::string key, WebhookStore& store, WebhookSender& sender, const Clock& clock,
                      Poco::Logger& logger)
        : _key(std::move(key)), _store(store), _sender(sender), _clock(clock), _logger(logger) {}
    ~WebhookDeliveries() { stop(); }

    void start();
    /// Waits for the tries that are under way; main tells the sender to give them up first.
    void stop();

    /// How long to wait after the n-th try failed; `jitter` from 0 to 1.
    static std::chrono::milliseconds delayAfter(int attempt, double jitter);

private:
    struct Task {
        std::vector<Delivery> deliveries; ///< of one webhook, in order
        Instant taken;
    };

    void run();
    void work();
    /// Sends one webhook's messages, until one fails or time is up.
    std::vector<DeliveryResult> serve(const Task& task);
    DeliveryResult attempt(const Delivery& delivery);
    DeliveryResult judge(const Delivery& delivery, const WebhookAnswer& answer);
    void take();
    void store(std::vector<DeliveryResult>& results);
    bool stopping();

    const std::string _key;
    WebhookStore& _store;
    WebhookSender& _sender;
    const Clock& _clock;
    Poco::Logger& _logger;
    std::map<std::string, Instant> _resting; ///< the dispatcher's own: webhooks that failed, until when

    Mutex _mutex;
    Condition _changed; ///< for the dispatcher
    Condition _arrived; ///< for workers
    std::deque<Task> _tasks GUARDED_BY(_mutex);
    std::set<std::string> _busy GUARDED_BY(_mutex); ///< webhooks that somebody serves
    std::vector<DeliveryResult> _results GUARDED_BY(_mutex);
    std::vector<std::string> _done GUARDED_BY(_mutex); ///< webhooks that were served
    bool _stopping GUARDED_BY(_mutex) = false;         ///< workers give back what they have
    bool _ending GUARDED_BY(_mutex) = false; ///< after the workers: the dispatcher stores that and goes
    std::thread _thread;
    std::vector<std::thread> _workers;
};

} // namespace usher
