// What goes to the helper and what comes from it. The life of the helper is in PluginProcess.cpp.
#include "base/Text.h"
#include "plugin/CText.h"
#include "plugin/PluginInstance.h"
#include "plugin/isolated/PluginProcess.h"

#include <algorithm>
#include <cstring>

namespace usher {

namespace {

constexpr int kMissedInARow = 3;

std::string textOf(usher_str text) {
    return text.data ? std::string(text.data, text.size) : std::string();
}

Fields fieldsOf(const usher_field* fields, std::size_t count) {
    Fields copy;
    copy.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        copy.emplace_back(textOf(fields[i].name), textOf(fields[i].value));
    return copy;
}

void write(FrameWriter& frame, const usher_request& request) {
    auto text = [](usher_str raw) {
        return std::string_view(raw.data ? raw.data : "", raw.data ? raw.size : 0);
    };
    auto fields = [&](const usher_field* list, std::size_t count) {
        frame.number(count);
        for (std::size_t i = 0; i < count; ++i) frame.text(text(list[i].name)).text(text(list[i].value));
    };
    frame.text(text(request.request_id)).text(text(request.action)).text(text(request.resource));
    frame.text(text(request.method)).text(text(request.target)).text(text(request.peer_address));
    frame.text(text(request.tls_client_fingerprint));
    fields(request.headers, request.header_count);
    fields(request.attributes, request.attribute_count);
    frame.text(text(request.body)).number(request.deadline_ns);
}

/// Uses `c` while `verdict` lives.
usher_verdict verdictToC(const Verdict& verdict, const std::string& message,
                         std::vector<usher_field>& headers) {
    for (const auto& [name, value] : verdict.headers) headers.push_back({toC(name), toC(value)});
    usher_verdict c{};
    c.size = sizeof c;
    c.decision = static_cast<usher_decision>(verdict.decision);
    c.http_status = verdict.httpStatus;
    c.principal_id = toC(verdict.principal.id), c.principal_name = toC(verdict.principal.name);
    c.principal_role = toC(verdict.principal.role);
    c.code = toC(verdict.code), c.public_message = toC(message), c.audit_message = toC(verdict.auditMessage);
    c.headers = headers.data(), c.header_count = headers.size();
    if (verdict.limits) {
        c.flags |= USHER_HAS_LIMITS;
        c.limit = verdict.limits->limit, c.remaining = verdict.limits->remaining;
        c.reset_ms = verdict.limits->resetMs;
    }
    if (verdict.replayOk) c.flags |= USHER_REPLAY_OK;
    if (verdict.guess) c.flags |= USHER_GUESS;
    return c;
}

static_assert(static_cast<int>(Decision::error) == USHER_ERROR &&
              static_cast<int>(Decision::allow) == USHER_ALLOW &&
              static_cast<int>(Decision::deny) == USHER_DENY &&
              static_cast<int>(Decision::abstain) == USHER_ABSTAIN);

} // namespace

void PluginProcess::sendCall(usher_call call, bool route, std::uint64_t deadlineNs, std::string frame) {
    std::shared_ptr<Channel> channel;
    {
        Lock lock(_mutex);
        // To this helper or to none: the next one may not even be loaded when a thread comes late.
        if (_state == State::running) channel = _channel;
        if (channel) _open.emplace(call, Open{++_asked, route, deadlineNs});
    }
    if (channel && channel->send(std::move(frame))) {
        if (channel->backlog()) wake(); // poll for writing, too
        return;
    }
    {
        Lock lock(_mutex);
        _open.erase(call);
    }
    failCall(call, route, "its process is not running");
}

void PluginProcess::check(usher_call call, const usher_request* request) {
    FrameWriter frame(FrameType::check);
    frame.number(call);
    write(frame, *request);
    sendCall(call, false, request->deadline_ns, frame.take());
}

void PluginProcess::handle(usher_call call, const usher_http_request* request) {
    FrameWriter frame(FrameType::route);
    frame.number(call);
    write(frame, *request->request);
    frame.number(request->route);
    frame.text(textOf(request->principal_id))
        .text(textOf(request->principal_name))
        .text(textOf(request->principal_role));
    frame.fields(fieldsOf(request->params, request->param_count))
        .fields(fieldsOf(request->query, request->query_count));
    sendCall(call, true, request->request->deadline_ns, frame.take());
}

void PluginProcess::settled(usher_call call, const usher_outcome* outcome) {
    send(FrameWriter(FrameType::settled)
             .number(call)
             .number(static_cast<std::uint64_t>(outcome->kind))
             .text(textOf(outcome->run_id))
             .take());
}

/// The helper keeps the same deadline by itself and tells the plugin; of a client it knows only what we say.
void PluginProcess::cancel(usher_call call) {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    bool tooMany = false, early = false;
    {
        Lock lock(_mutex);
        auto found = _open.find(call);
        if (found == _open.end()) return;
        early = static_cast<std::uint64_t>(now.count()) < found->second.deadlineNs;
        // Whoever answers what was asked later is alive: a plugin may well hang for some calls alone.
        if (!early) _missed = _answered > found->second.number ? 0 : _missed + 1;
        tooMany = !early && _missed == kMissedInARow;
        _open.erase(found);
    }
    if (early) send(FrameWriter(FrameType::callOff).number(call).take());
    if (tooMany) killHelper("missed three deadlines in a row; its process is ended");
}

void PluginProcess::failCall(usher_call call, bool route, const std::string& why) {
    if (route) {
        std::shared_ptr<const AuthRequest> request = _instance.requestOf(call);
        const PluginResponse response = unavailableResponse(request ? request->requestId : "");
        const usher_field retry{toC("Retry-After"), toC("1")};
        usher_http_response c{};
        c.size = sizeof c;
        c.status = response.status;
        c.body = toC(response.body);
        c.headers = &retry, c.header_count = 1;
        _instance.respond(call, c);
        return;
    }
    usher_verdict verdict{};
    verdict.size = sizeof verdict;
    verdict.decision = USHER_ERROR;
    verdict.audit_message = toC(why);
    _host->complete(_host, call, &verdict);
}

void PluginProcess::take(FrameReader& frame) {
    switch (frame.type()) {
    case FrameType::loaded:
        return onLoaded(frame);
    case FrameType::started: {
        Lock lock(_mutex);
        if (_state == State::starting) _state = State::running;
        _everRan = true;
        return _change.notifyAll();
    }
    case FrameType::failed: {
        const std::string why = oneLine(frame.text());
        _instance.side().say(USHER_LOG_ERROR, why);
        Lock lock(_mutex);
        if (!_everRan) _failed = true;
        return _change.notifyAll();
    }
    case FrameType::verdict:
        return onVerdict(frame);
    case FrameType::response:
        return onResponse(frame);
    case FrameType::health: {
        Lock lock(_mutex);
        _healthTold = std::max(_healthTold, frame.number());
        const bool well = frame.flag();
        _healthReason = well ? "" : oneLine(frame.view());
        if (!well && _healthReason.empty()) _healthReason = "reports that it is not able to answer";
        return _change.notifyAll();
    }
    case FrameType::reloaded:
        return onReloaded(frame);
    case FrameType::log: {
        const int severity = static_cast<int>(frame.number());
        const std::string requestId = frame.text(), text = frame.text();
        return _instance.side().relay(severity, oneLine(requestId, 128), oneLine(text), frame.fields());
    }
    case FrameType::audit:
        _instance.side().relay(frame.audit());
        return;
    case FrameType::metric: {
        PluginMetric change;
        change.name = frame.text();
        change.counter = frame.flag();
        const std::string_view value = frame.view();
        if (value.size() != sizeof change.value) throw FrameError("no number");
        std::memcpy(&change.value, value.data(), sizeof change.value);
        change.labels = frame.fields();
        _instance.side().metric(change);
        return;
    }
    case FrameType::secret:
        return onSecret(frame);
    case FrameType::turn:
        return onTurn(frame);
    case FrameType::turnBack:
        if (_turn) _turn->release();
        return;
    case FrameType::stopped:
        return;
    default:
        throw FrameError("an unknown frame");
    }
}

void PluginProcess::onLoaded(FrameReader& frame) {
    Greeting greeting = readGreeting(frame);
    bool goOn;
    {
        Lock lock(_mutex);
        if (_greeting.id.empty()) {
            _greeting = std::move(greeting);
            for (const PluginRoute& route : _greeting.routes)
                _routes.push_back({sizeof(usher_route), route.bodyLimit, toC(route.method), toC(route.path),
                                   toC(route.action), toC(route.resourceParam)});
            _routeTable = {sizeof _routeTable, 0,       _routes.data(),
                           _routes.size(),     nullptr, toC(_greeting.openapiPaths)};
            _routeTable.handle = [](void* self, usher_call call, const usher_http_request* request) {
                static_cast<PluginProcess*>(self)->handle(call, request);
            };
        } else if (greeting.routes != _greeting.routes) {
            throw FrameError("its routes are not what they were");
        }
        goOn = _wanted;
        _state = goOn ? State::starting : State::loaded;
        _change.notifyAll();
    }
    if (goOn) send(FrameWriter(FrameType::start).take());
}

void PluginProcess::onReloaded(FrameReader& frame) {
    const std::uint64_t number = frame.number();
    const auto status = static_cast<usher_status>(frame.number());
    const std::string why = frame.text(), logged = _instance.side().lastError();
    // What the plugin logged as its reason came before.
    if (!why.empty() && (logged.empty() || why.find(logged) == why.npos))
        _instance.side().say(USHER_LOG_ERROR, oneLine(why));
    Lock lock(_mutex);
    _reloadTold = std::max(_reloadTold, number);
    _reloadStatus = status;
    _change.notifyAll();
}

void PluginProcess::onVerdict(FrameReader& frame) {
    const usher_call call = frame.number();
    const Verdict verdict = frame.verdict();
    {
        Lock lock(_mutex);
        if (!_open.count(call)) { // late: its deadline passed
            if (verdict.decision != Decision::allow) return;
        }
    }
    std::vector<usher_field> headers;
    const std::string message =
        verdict.message.empty() ? verdict.title : verdict.title + "\n" + verdict.message;
    const usher_verdict c = verdictToC(verdict, message, headers);
    if (_host->complete(_host, call, &c) == USHER_OK) {
        noteAnswered(call);
    } else if (verdict.decision == Decision::allow) {
        // The plugin was told that it counted: it is told now that it did not.
        send(FrameWriter(FrameType::settled).number(call).number(USHER_ABANDONED).text({}).take());
    }
}

void PluginProcess::onResponse(FrameReader& frame) {
    const usher_call call = frame.number();
    const PluginResponse response = frame.response();
    std::vector<usher_field> headers;
    for (const auto& [name, value] : response.headers) headers.push_back({toC(name), toC(value)});
    usher_http_response c{};
    c.size = sizeof c;
    c.status = response.status;
    c.content_type = toC(response.contentType), c.body = toC(response.body);
    c.headers = headers.data(), c.header_count = headers.size();
    if (_instance.respond(call, c) == USHER_OK) noteAnswered(call);
}

void PluginProcess::noteAnswered(usher_call call) {
    Lock lock(_mutex);
    auto found = _open.find(call);
    if (found == _open.end()) return;
    _answered = std::max(_answered, found->second.number);
    _missed = 0;
    _open.erase(found);
}

void PluginProcess::onSecret(FrameReader& frame) {
    const std::uint64_t number = frame.number();
    const std::string name = frame.text();
    std::string value(64 * 1024, '\0');
    std::size_t length = 0;
    const bool found = _instance.side().secret(toC(name), value.data(), value.size(), &length) == USHER_OK;
    send(FrameWriter(FrameType::secretIs)
             .number(number)
             .number(found)
             .text({value.data(), found ? length : 0})
             .take());
    ::explicit_bzero(value.data(), value.size());
}

void PluginProcess::onTurn(FrameReader& frame) {
    const std::uint64_t number = frame.number(), deadline = frame.number();
    const auto instant = Instant(std::chrono::duration_cast<Instant::duration>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(deadline))));
    if (_turn) return _turn->acquire(number, instant);
    send(FrameWriter(FrameType::turnIs).number(number).number(0).take());
}

} // namespace usher
