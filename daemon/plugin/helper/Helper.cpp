#include "plugin/helper/Helper.h"

#include "base/Text.h"
#include "plugin/PluginInstance.h"
#include "plugin/isolated/Greeting.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace usher {

using namespace std::chrono_literals;

Helper::Helper(UniqueFd socket, UniqueFd file)
    : _channel(std::move(socket)), _file(std::move(file)), _host(*this), _life("plugin-life") {}

void Helper::serve() {
    try {
        while (_channel.receive([this](FrameReader& frame) { take(frame); }, true)) {
        }
    } catch (const std::exception&) {
        // Not a daemon of our release at the other end: as if it had gone.
    }
    stop();
}

void Helper::take(FrameReader& frame) {
    switch (frame.type()) {
    case FrameType::load:
        _order = readLoadOrder(frame);
        return onLife(&Helper::load);
    case FrameType::start:
        return onLife(&Helper::start);
    case FrameType::stop:
        stop();
    case FrameType::check:
        return check(frame);
    case FrameType::route:
        return route(frame);
    case FrameType::settled:
        return settled(frame);
    case FrameType::callOff:
        return callOff(frame.number());
    case FrameType::reload:
        return reload(frame);
    case FrameType::askHealth: {
        const std::uint64_t number = frame.number();
        _life.run([this, number] { answerHealth(number); }, 0ms);
        return;
    }
    case FrameType::secretIs: {
        const std::uint64_t number = frame.number();
        const bool found = frame.flag();
        Lock lock(_mutex);
        _secrets[number] = found ? std::optional<std::string>(frame.text()) : std::nullopt;
        return _change.notifyAll();
    }
    case FrameType::turnIs: {
        const std::uint64_t number = frame.number();
        Lock lock(_mutex);
        _turns[number] = frame.flag();
        return _change.notifyAll();
    }
    default:
        throw FrameError("an unknown frame");
    }
}

void Helper::onLife(void (Helper::*step)()) {
    _life.run(
        [this, step] {
            try {
                (this->*step)();
            } catch (const std::exception& error) {
                _channel.sendWaiting(FrameWriter(FrameType::failed).text(oneLine(error.what(), 2000)).take());
                ::_exit(1);
            }
        },
        0ms);
}

void Helper::load() {
    struct stat st {};
    ::fstat(_file.get(), &st);
    TrustedFile file;
    file.fd = std::move(_file);
    _host.adopt(std::move(file), _order.path);
    const std::shared_ptr<const Plugin> plugin = _host.pluginAt(_order.path);
    Greeting greeting;
    greeting.id = plugin->note.id, greeting.version = plugin->note.version, greeting.vendor = plugin->vendor;
    greeting.keys = plugin->configKeys();
    if (!_order.describe) {
        PluginSettings settings;
        settings.name = _order.name, settings.path = _order.path, settings.config = _order.config;
        settings.stateDir = _order.stateDir;
        settings.deadline = 1h; // the request's own deadline is what counts
        settings.maxInFlight = _order.maxInFlight, settings.checkThreads = _order.checkThreads;
        settings.routeThreads = _order.routeThreads, settings.maxRoutesInFlight = _order.maxRoutesInFlight;
        _host.add(std::move(settings));
        _plugin = _host.find(_order.name);
        _routes = _host.routesOf(_order.name);
        greeting.routes = _routes->routes();
        greeting.openapiPaths = _routes->openapiPaths();
    }
    _channel.sendWaiting(toFrame(greeting));
}

void Helper::start() {
    _host.start();
    _channel.sendWaiting(FrameWriter(FrameType::started).take());
}

void Helper::stop() {
    // On a thread beside: this one must go on reading secrets and turns, or stop() could wait for itself.
    std::atomic<bool> done{false};
    std::thread stopping = startQuietThread("plugin-stop", [&] {
        _host.stop(1500ms);
        done = true;
        _channel.sendWaiting(FrameWriter(FrameType::stopped).take());
        ::_exit(0);
    });
    const Instant until = std::chrono::steady_clock::now() + 2200ms;
    while (std::chrono::steady_clock::now() < until) {
        try {
            _channel.receive([this](FrameReader& frame) {
                if (frame.type() == FrameType::secretIs || frame.type() == FrameType::turnIs ||
                    frame.type() == FrameType::settled)
                    take(frame);
            });
        } catch (const std::exception&) {
        }
        std::this_thread::sleep_for(2ms);
    }
    ::_exit(0);
}

void Helper::answer(std::string frame) {
    // Our reader sleeps on the closed socket and keeps it open for the daemon, which would wait for three
    // calls.
    if (!_channel.sendWaiting(std::move(frame)) && ::fcntl(_channel.descriptor(), F_GETFD) < 0) ::_exit(1);
}

void Helper::check(FrameReader& frame) {
    const std::uint64_t call = frame.number();
    auto request = std::make_shared<AuthRequest>(frame.request());
    remember(call, *request);
    _plugin->check(std::move(request), [this, call](Answer given) {
        const bool allows = given.verdict.decision == Decision::allow;
        {
            Lock lock(_mutex);
            _askers.erase(call);
            if (allows && !given.settlements.empty()) _settlements[call] = std::move(given.settlements);
        }
        answer(FrameWriter(FrameType::verdict).number(call).verdict(given.verdict).take());
    });
}

void Helper::route(FrameReader& frame) {
    const std::uint64_t call = frame.number();
    auto request = std::make_shared<AuthRequest>(frame.request());
    const std::size_t index = frame.number();
    Principal principal{frame.text(), frame.text(), frame.text()};
    Fields params = frame.fields(), query = frame.fields();
    remember(call, *request);
    _routes->handle(index, std::move(request), std::move(principal), std::move(params), std::move(query),
                    [this, call](PluginResponse response) {
                        {
                            Lock lock(_mutex);
                            _askers.erase(call);
                        }
                        answer(FrameWriter(FrameType::response).number(call).response(response).take());
                    });
}

void Helper::remember(std::uint64_t call, AuthRequest& request) {
    request.askers = std::make_shared<Askers>();
    Lock lock(_mutex);
    _askers[call] = request.askers;
}

void Helper::callOff(std::uint64_t call) {
    Lock lock(_mutex);
    auto found = _askers.find(call);
    if (found == _askers.end()) return; // answered meanwhile
    found->second->leave();
    _askers.erase(found);
}

void Helper::settled(FrameReader& frame) {
    const std::uint64_t call = frame.number(), kind = frame.number();
    const std::string runId = frame.text();
    std::vector<std::unique_ptr<Settlement>> settlements;
    {
        Lock lock(_mutex);
        if (auto found = _settlements.find(call); found != _settlements.end()) {
            settlements = std::move(found->second);
            _settlements.erase(found);
        }
    }
    for (auto& settlement : settlements) {
        if (kind == USHER_ACCEPTED)
            settlement->accepted(runId);
        else if (kind == USHER_ABANDONED)
            settlement->abandoned();
        else
            settlement->unknown();
    }
}

void Helper::reload(FrameReader& frame) {
    const std::uint64_t number = frame.number();
    _life.run(
        [this, number, config = frame.fields()] {
            usher_status status = USHER_OK;
            std::string why;
            try {
                if (!_host.reloadInPlace(_order.name, config)) status = USHER_STALE;
            } catch (const std::exception& refused) {
                status = USHER_FAILED;
                why = refused.what();
            }
            _channel.sendWaiting(FrameWriter(FrameType::reloaded)
                                     .number(number)
                                     .number(static_cast<std::uint64_t>(status))
                                     .text(oneLine(why, 1000))
                                     .take());
        },
        0ms);
}

void Helper::answerHealth(std::uint64_t number) {
    std::string reason;
    bool well = true;
    for (const PluginStatus& status : _host.status()) {
        well = well && status.healthy;
        if (!status.healthy) reason = status.reason;
    }
    _channel.sendWaiting(FrameWriter(FrameType::health).number(number).number(well).text(reason).take());
}

void Helper::log(int severity, const std::string&, const std::string& requestId, const std::string& text,
                 const Fields& fields) {
    _channel.sendWaiting(FrameWriter(FrameType::log)
                             .number(static_cast<std::uint64_t>(severity))
                             .text(requestId)
                             .text(text)
                             .fields(fields)
                             .take());
}

bool Helper::audit(const std::string&, AuditRecord record) {
    return _channel.sendWaiting(FrameWriter(FrameType::audit).audit(record).take());
}

void Helper::metric(const PluginMetric& change) {
    FrameWriter frame(FrameType::metric);
    char value[sizeof change.value];
    std::memcpy(value, &change.value, sizeof value);
    _channel.sendWaiting(frame.text(change.name)
                             .number(change.counter)
                             .text({value, sizeof value})
                             .fields(change.labels)
                             .take());
}

std::optional<std::string> Helper::secret(const std::string& name) {
    Lock lock(_mutex);
    const std::uint64_t number = _nextNumber++;
    lock.unlock();
    _channel.sendWaiting(FrameWriter(FrameType::secret).number(number).text(name).take());
    const Instant until = std::chrono::steady_clock::now() + 5s;
    lock.lock();
    while (!_secrets.count(number))
        if (_change.waitUntil(lock, until) == std::cv_status::timeout) break;
    auto found = _secrets.find(number);
    if (found == _secrets.end()) return std::nullopt;
    std::optional<std::string> value = std::move(found->second);
    _secrets.erase(found);
    return value;
}

bool Helper::acquire(Instant deadline) {
    Lock lock(_mutex);
    const std::uint64_t number = _nextNumber++;
    _turnQueue.push_back(number);
    while (_turnQueue.front() != number)
        if (_change.waitUntil(lock, deadline) == std::cv_status::timeout && _turnQueue.front() != number) {
            std::erase(_turnQueue, number);
            return false;
        }
    lock.unlock();
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
    _channel.sendWaiting(
        FrameWriter(FrameType::turn).number(number).number(static_cast<std::uint64_t>(ns)).take());
    lock.lock();
    // The daemon answers by the deadline; a silent one is gone, and so are we, soon.
    while (!_turns.count(number))
        if (_change.waitUntil(lock, deadline + 5s) == std::cv_status::timeout) break;
    const bool granted = _turns.count(number) && _turns[number];
    _turns.erase(number);
    if (!granted) {
        std::erase(_turnQueue, number);
        _change.notifyAll();
    }
    return granted;
}

void Helper::release() {
    _channel.sendWaiting(FrameWriter(FrameType::turnBack).take());
    Lock lock(_mutex);
    if (!_turnQueue.empty()) _turnQueue.pop_front();
    _change.notifyAll();
}

} // namespace usher
