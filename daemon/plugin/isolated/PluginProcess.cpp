#include "plugin/isolated/PluginProcess.h"

#include "base/Text.h"
#include "plugin/CText.h"
#include "plugin/Lane.h"
#include "plugin/PluginInstance.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kLifeLimit = 59s; // PluginInstance waits for 60

} // namespace

PluginProcess::PluginProcess(PluginInstance& instance, const usher_host* host, const IsolatedPlugin& plugin)
    : _instance(instance), _host(host), _plugin(plugin), _wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      _config(instance.settings().config) {
    if (!_wake) throw std::system_error(errno, std::generic_category(), "eventfd");
    if (WriterTurn* turn = instance.side().turn())
        _turn = std::make_unique<TurnBroker>(
            *turn,
            [this](std::uint64_t number, bool granted) {
                send(FrameWriter(FrameType::turnIs).number(number).number(granted).take());
            },
            [this] { killHelper("held the database's writer turn for 2 s; its process is ended"); });
}

PluginProcess::~PluginProcess() {
    {
        Lock lock(_mutex);
        _ending = true;
        if (_channel) _channel->close();
    }
    wake();
    if (_thread.joinable()) _thread.join();
    _turn.reset(); // its thread may be about to tell what it got, and uses our lock for that
}

bool PluginProcess::create() {
    {
        Lock lock(_mutex);
        _state = State::loading;
    }
    _thread = startQuietThread("h:" + _instance.name(), [this] { serve(); });
    return await(State::loaded, kLifeLimit);
}

bool PluginProcess::start() {
    {
        Lock lock(_mutex);
        _wanted = true;
        if (_state != State::loaded) return false;
        _state = State::starting;
    }
    send(FrameWriter(FrameType::start).take());
    return await(State::running, kLifeLimit);
}

bool PluginProcess::await(State wanted, std::chrono::milliseconds limit) {
    const Instant until = std::chrono::steady_clock::now() + limit;
    Lock lock(_mutex);
    while (_state != wanted && !_failed)
        if (_change.waitUntil(lock, until) == std::cv_status::timeout) break;
    if (_state == wanted) return true;
    const bool failed = _failed;
    _ending = true;
    lock.unlock();
    if (!failed) _instance.side().say(USHER_LOG_ERROR, "its process did not answer in time");
    wake();
    return false;
}

void PluginProcess::stop() {
    {
        Lock lock(_mutex);
        _ending = true;
        _state = State::stopping;
    }
    send(FrameWriter(FrameType::stop).take());
    Lock lock(_mutex);
    const Instant until = std::chrono::steady_clock::now() + 2500ms;
    while (_channel)
        if (_change.waitUntil(lock, until) == std::cv_status::timeout) break;
    if (_channel) _channel->close();
}

void PluginProcess::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(_wake.get(), &one, sizeof one);
}

void PluginProcess::serve() {
    Instant nextStart = std::chrono::steady_clock::now();
    while (true) {
        std::shared_ptr<Channel> channel;
        {
            Lock lock(_mutex);
            channel = _channel;
            if (!channel && _ending) return;
        }
        if (channel) {
            if (exchange(*channel, 1000)) continue;
            lost();
            Lock lock(_mutex);
            const auto pause = _pace.lost(std::chrono::steady_clock::now());
            nextStart = std::chrono::steady_clock::now() + pause;
            _change.notifyAll();
            continue;
        }
        const auto left = nextStart - std::chrono::steady_clock::now();
        if (left > 0ms) {
            pollfd woken{_wake.get(), POLLIN, 0};
            ::poll(&woken, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
            std::uint64_t count;
            [[maybe_unused]] ssize_t n = ::read(_wake.get(), &count, sizeof count);
            continue;
        }
        try {
            launch();
        } catch (const std::exception& error) {
            _instance.side().say(USHER_LOG_ERROR, oneLine(error.what()));
            Lock lock(_mutex);
            if (!_everRan) _failed = true;
            _change.notifyAll();
            nextStart = std::chrono::steady_clock::now() +
                        std::max(_pace.lost(std::chrono::steady_clock::now()), 200ms);
        }
    }
}

void PluginProcess::launch() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    UniqueFd ours(ends[0]), theirs(ends[1]);
    const PluginSettings& settings = _instance.settings();
    const pid_t pid = _plugin.starter().start({settings.name, settings.network, settings.ownUser},
                                              theirs.get(), _plugin.file());
    auto channel = std::make_shared<Channel>(std::move(ours));
    LoadOrder order;
    order.name = settings.name, order.path = settings.path, order.stateDir = settings.stateDir;
    {
        Lock lock(_mutex);
        order.config = _config;
    }
    order.hasTurn = _turn != nullptr;
    order.maxInFlight = settings.maxInFlight, order.checkThreads = settings.checkThreads;
    order.routeThreads = settings.routeThreads, order.maxRoutesInFlight = settings.maxRoutesInFlight;
    channel->send(toFrame(order));
    Lock lock(_mutex);
    _pace.started(std::chrono::steady_clock::now());
    _pid = pid;
    _missed = 0;
    if (_state != State::stopping) _state = State::loading;
    _channel = std::move(channel);
}

/// Waits for something to read or to send, and does it. False: the helper is lost.
bool PluginProcess::exchange(Channel& channel, int timeoutMs) {
    const short events = static_cast<short>(POLLIN | (channel.backlog() ? POLLOUT : 0));
    pollfd waited[] = {{channel.descriptor(), events, 0}, {_wake.get(), POLLIN, 0}};
    if (::poll(waited, 2, timeoutMs) < 0) return errno == EINTR;
    if (waited[1].revents) {
        std::uint64_t count;
        [[maybe_unused]] ssize_t n = ::read(_wake.get(), &count, sizeof count);
        Lock lock(_mutex);
        if (_ending && _failed) channel.close();
    }
    if ((waited[0].revents & POLLOUT) && !channel.flush()) return false;
    if (!(waited[0].revents & (POLLIN | POLLHUP | POLLERR))) return true;
    try {
        return channel.receive([this](FrameReader& frame) { take(frame); });
    } catch (const FrameError& error) {
        _instance.side().say(USHER_LOG_ERROR,
                             std::string("its process sent what is no answer: ") + error.what());
        return false;
    }
}

void PluginProcess::lost() {
    std::unordered_map<usher_call, Open> open;
    pid_t pid;
    bool expected;
    {
        Lock lock(_mutex);
        open.swap(_open);
        pid = std::exchange(_pid, -1);
        expected = _ending || _state == State::stopping;
        if (!_everRan) _failed = true;
        if (!_ending) _state = State::down;
    }
    if (_turn) _turn->lost();
    if (!expected)
        _instance.side().say(USHER_LOG_ERROR, "its process ended unexpectedly; " +
                                                  std::to_string(open.size()) +
                                                  " calls in flight are refused");
    for (const auto& [call, one] : open) failCall(call, one.route, "its process ended");
    _plugin.starter().end(pid);
    Lock lock(_mutex);
    _channel.reset();
    _change.notifyAll();
}

void PluginProcess::killHelper(const std::string& why) {
    std::shared_ptr<Channel> channel;
    {
        Lock lock(_mutex);
        channel = _channel;
    }
    if (!channel) return;
    _instance.side().say(USHER_LOG_ERROR, why);
    channel->close(); // `_thread` sees the end and kills what is left
}

bool PluginProcess::send(std::string frame) {
    std::shared_ptr<Channel> channel;
    {
        Lock lock(_mutex);
        channel = _channel;
    }
    if (!channel || !channel->send(std::move(frame))) return false;
    if (channel->backlog()) wake(); // poll for writing, too
    return true;
}

usher_status PluginProcess::reload(const usher_field* config, std::size_t count) {
    Fields fields;
    for (std::size_t i = 0; i < count; ++i)
        fields.emplace_back(std::string(config[i].name.data, config[i].name.size),
                            std::string(config[i].value.data, config[i].value.size));
    std::uint64_t number;
    std::shared_ptr<Channel> channel;
    {
        Lock lock(_mutex);
        if (_state != State::running) return USHER_STALE;
        number = ++_reloadAsked;
        channel = _channel;
    }
    send(FrameWriter(FrameType::reload).number(number).fields(fields).take());
    const Instant until = std::chrono::steady_clock::now() + kLifeLimit;
    Lock lock(_mutex);
    while (_reloadTold < number && _channel == channel)
        if (_change.waitUntil(lock, until) == std::cv_status::timeout) break;
    if (_reloadTold < number) {
        const bool alive = _channel == channel;
        lock.unlock();
        // It could take the new configuration later; the next one is loaded with the old.
        if (alive) killHelper("did not take its new configuration in time; its process is ended");
        return USHER_FAILED;
    }
    const usher_status status = _reloadStatus;
    // A crash from here on brings back what holds.
    if (status == USHER_OK) _config = std::move(fields);
    return status;
}

bool PluginProcess::healthy(std::string& reason) {
    std::uint64_t number;
    {
        Lock lock(_mutex);
        if (_state != State::running)
            return reason = "its process is not running; it is being started again", false;
        number = ++_healthAsked;
    }
    send(FrameWriter(FrameType::askHealth).number(number).take());
    const Instant until = std::chrono::steady_clock::now() + 90ms;
    Lock lock(_mutex);
    while (_healthTold < number)
        if (_change.waitUntil(lock, until) == std::cv_status::timeout && _healthTold < number)
            return reason = "its process does not answer its health check", false;
    reason = _healthReason;
    return reason.empty();
}

} // namespace usher
