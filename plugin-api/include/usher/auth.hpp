/// usher/auth.hpp: auth.h for C++17 and later, header-only. What it adds to the C interface:
///
/// - no exception crosses: whatever check() throws becomes an ERROR verdict and a log line;
/// - a Call that goes out of scope unanswered answers ERROR, so that a forgotten verdict lets nobody in;
/// - std::string_view access to what the host owns, and one macro for the table, the entry and the note.
///
///     class Mine : public usher::auth::Plugin {
///     public:
///         static constexpr std::uint32_t threadModel = USHER_PARALLEL;        // the default
///         Mine(usher::auth::Host host, const usher::auth::Config& config);    // throw: the daemon does not
///         start void check(usher::auth::Call call, const usher::auth::Request& request) override {
///             call.complete(usher::auth::Verdict::allow("mine:somebody"));
///         }
///     };
///     USHER_AUTH_PLUGIN(Mine, "mine", "1.0.0", "Example Ltd")
///
/// The rest of the contract (threads, lifetimes, deadlines) stands in auth.h and holds here too.
#pragma once

#include "auth.h"
#include "ext/audit.h"
#include "ext/config-schema.h"
#include "ext/db-turn.h"
#include "ext/health.h"
#include "ext/http-routes.h"
#include "ext/metrics.h"
#include "ext/reload.h"
#include "ext/secrets.h"
#include "ext/state-dir.h"
#include "ext/thread-check.h"
#include "ext/timer.h"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>

namespace usher::auth {

inline std::string_view view(usher_str text) noexcept {
    return text.data ? std::string_view(text.data, text.size) : std::string_view();
}
inline usher_str str(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

inline bool sameName(std::string_view a, std::string_view b) noexcept {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

using Fields = std::vector<std::pair<std::string, std::string>>;
using Deadline = std::chrono::steady_clock::time_point;

/// The value of a header field. A field that came twice has no value: which one would be the right one?
class Header {
public:
    explicit operator bool() const noexcept { return _count == 1; }
    std::string_view operator*() const noexcept { return _count == 1 ? _value : std::string_view(); }
    bool absent() const noexcept { return _count == 0; }
    bool repeated() const noexcept { return _count > 1; }

private:
    friend class Request;
    std::size_t _count = 0;
    std::string_view _value;
};

/// One question. The host owns the bytes: they live until check() returns, or as long as a Retained does.
class Request {
public:
    explicit Request(const usher_request* request) noexcept : _request(request) {}

    std::string_view id() const noexcept { return view(_request->request_id); }
    std::string_view action() const noexcept { return view(_request->action); }
    std::string_view resource() const noexcept { return view(_request->resource); }
    std::string_view method() const noexcept { return view(_request->method); }
    std::string_view target() const noexcept { return view(_request->target); }
    std::string_view peerAddress() const noexcept { return view(_request->peer_address); }
    std::string_view tlsClientFingerprint() const noexcept { return view(_request->tls_client_fingerprint); }
    std::string_view body() const noexcept { return view(_request->body); }
    bool secure() const noexcept { return _request->flags & USHER_SECURE; }
    std::uint64_t deadlineNs() const noexcept { return _request->deadline_ns; }
    Deadline deadline() const noexcept {
        return Deadline(
            std::chrono::duration_cast<Deadline::duration>(std::chrono::nanoseconds(deadlineNs())));
    }

    /// In any case.
    Header header(std::string_view name) const noexcept {
        Header found;
        for (std::size_t i = 0; i < _request->header_count; ++i)
            if (sameName(view(_request->headers[i].name), name)) {
                ++found._count;
                found._value = view(_request->headers[i].value);
            }
        return found;
    }
    /// What the host knows: "job_id", "started_by", "client_address", "public_url", "principal", …
    std::optional<std::string_view> attribute(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < _request->attribute_count; ++i)
            if (view(_request->attributes[i].name) == name) return view(_request->attributes[i].value);
        return std::nullopt;
    }
    /// The client: behind a trusted proxy not the socket's peer.
    std::string_view clientAddress() const noexcept {
        return attribute("client_address").value_or(peerAddress());
    }
    const usher_request* raw() const noexcept { return _request; }

private:
    const usher_request* _request;
};

/// The answer, built up and then given to Call::complete(), which copies it.
class Verdict {
public:
    static Verdict allow(std::string principalId, std::string name = {}, std::string role = {}) {
        Verdict verdict(USHER_ALLOW);
        verdict._principalId = std::move(principalId);
        verdict._principalName = std::move(name);
        verdict._principalRole = std::move(role);
        return verdict;
    }
    static Verdict deny(std::string code, std::string title, const std::string& message = {}) {
        return said(USHER_DENY, std::move(code), std::move(title), message);
    }
    /// The texts are used when everybody abstains.
    static Verdict abstain(std::string code = {}, std::string title = {}, const std::string& message = {}) {
        return said(USHER_ABSTAIN, std::move(code), std::move(title), message);
    }
    /// The client learns nothing but "Authorization unavailable"; the reason goes to the log.
    static Verdict error(std::string reason) {
        Verdict verdict(USHER_ERROR);
        verdict._audit = std::move(reason);
        return verdict;
    }

    /// With deny: whom the refused credential belongs to, for the audit log and for replays.
    Verdict& principal(std::string id, std::string name = {}) {
        _principalId = std::move(id);
        _principalName = std::move(name);
        return *this;
    }
    Verdict& status(int httpStatus) { return _status = httpStatus, *this; } ///< 400 to 599
    Verdict& audit(std::string message) { return _audit = std::move(message), *this; }
    Verdict& header(std::string name, std::string value) {
        _headers.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    Verdict& limits(std::int64_t limit, std::int64_t remaining, std::int64_t resetMs) {
        _flags |= USHER_HAS_LIMITS;
        _limit = limit, _remaining = remaining, _resetMs = resetMs;
        return *this;
    }
    Verdict& replayOk() { return _flags |= USHER_REPLAY_OK, *this; }
    Verdict& guess() { return _flags |= USHER_GUESS, *this; }

    usher_decision decision() const noexcept { return _decision; }

    /// `use` gets the C struct, which points into this object.
    template <class Use>
    auto withC(Use&& use) const {
        std::vector<usher_field> headers;
        for (const auto& [name, value] : _headers) headers.push_back({str(name), str(value)});
        usher_verdict c{};
        c.size = sizeof c;
        c.flags = _flags;
        c.decision = _decision;
        c.http_status = _status;
        c.limit = _limit, c.remaining = _remaining, c.reset_ms = _resetMs;
        c.principal_id = str(_principalId), c.principal_name = str(_principalName);
        c.principal_role = str(_principalRole);
        c.code = str(_code), c.public_message = str(_message), c.audit_message = str(_audit);
        c.headers = headers.data(), c.header_count = headers.size();
        return use(c);
    }

private:
    explicit Verdict(usher_decision decision) : _decision(decision) {}
    static Verdict said(usher_decision decision, std::string code, std::string title,
                        const std::string& message) {
        Verdict verdict(decision);
        verdict._code = std::move(code);
        verdict._message = std::move(title);
        if (!message.empty()) verdict._message += "\n" + message;
        return verdict;
    }

    usher_decision _decision;
    std::uint32_t _flags = 0;
    int _status = 0;
    std::int64_t _limit = 0, _remaining = 0, _resetMs = 0;
    std::string _principalId, _principalName, _principalRole, _code, _message, _audit;
    Fields _headers;
};

/// One record of who did what.
struct AuditRecord {
    std::string actor, action, resource, decision, code, detail, address, requestId;
};

/// The host. A copyable pointer, good from the constructor until the destructor has returned. [any-thread]
class Host {
public:
    explicit Host(const usher_host* host) noexcept : _host(host) {}

    /// Severity is USHER_LOG_*. Never pass key material.
    void log(std::int32_t severity, std::string_view message, usher_call call = 0,
             const Fields& fields = {}) const {
        std::vector<usher_field> c;
        for (const auto& [name, value] : fields) c.push_back({str(name), str(value)});
        _host->log(_host, severity, call, str(message), c.data(), c.size());
    }
    /// The secret of that name, or nothing: "database.url", "database.password", or what the key NAME_file
    /// names.
    std::optional<std::string> secret(std::string_view name) const {
        const auto* table = extension<usher_secrets>(USHER_EXT_SECRETS);
        if (!table) return std::nullopt;
        std::string value(256, '\0');
        for (int attempt = 0; attempt < 3; ++attempt) {
            std::size_t length = 0;
            usher_status status = table->get(_host, str(name), value.data(), value.size(), &length);
            value.resize(length);
            if (status == USHER_OK) return value;
            if (status != USHER_NO_MEMORY) break;
        }
        return std::nullopt;
    }
    /// SQLite is shared: writers take turns. False: nobody asks for turns (PostgreSQL).
    bool hasTurn() const { return extension<usher_db_turn>(USHER_EXT_DB_TURN) != nullptr; }
    /// False: the deadline passed first. True at once where nobody asks for turns.
    bool acquireTurn(Deadline deadline) const {
        const auto* table = extension<usher_db_turn>(USHER_EXT_DB_TURN);
        auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
        return !table || table->acquire(_host, ns > 0 ? static_cast<std::uint64_t>(ns) : 0) == USHER_OK;
    }
    void releaseTurn() const {
        if (const auto* table = extension<usher_db_turn>(USHER_EXT_DB_TURN)) table->release(_host);
    }
    /// False: the queue is full or the host keeps no audit log.
    bool audit(const AuditRecord& record) const {
        const auto* table = extension<usher_audit>(USHER_EXT_AUDIT);
        if (!table) return false;
        usher_audit_record c{};
        c.size = sizeof c;
        c.actor = str(record.actor), c.action = str(record.action), c.resource = str(record.resource);
        c.decision = str(record.decision), c.code = str(record.code), c.detail = str(record.detail);
        c.address = str(record.address), c.request_id = str(record.requestId);
        return table->record(_host, &c) == USHER_OK;
    }
    /// Folders without a trailing slash, empty when the host has none.
    std::string pluginDir() const {
        const auto* table = extension<usher_state_dir>(USHER_EXT_STATE_DIR);
        return table ? std::string(view(table->plugin_dir(_host))) : std::string();
    }
    std::string daemonDir() const {
        const auto* table = extension<usher_state_dir>(USHER_EXT_STATE_DIR);
        return table ? std::string(view(table->daemon_dir(_host))) : std::string();
    }

    /// A counter of the plugin's own on /metrics. Nothing happens when the host keeps none.
    void count(std::string_view name, double value = 1, const Fields& labels = {}) const {
        change(name, value, labels, true);
    }
    /// A gauge of its own.
    void gauge(std::string_view name, double value, const Fields& labels = {}) const {
        change(name, value, labels, false);
    }
    /// onTimer() is called every `period` from now on; 0: the host has no timers, or no more.
    usher_timer_id startTimer(std::chrono::milliseconds period) const {
        const auto* table = extension<usher_timer_host>(USHER_EXT_TIMER);
        usher_timer_id id = 0;
        if (table && period.count() > 0) table->start(_host, static_cast<std::uint32_t>(period.count()), &id);
        return id;
    }
    void stopTimer(usher_timer_id id) const {
        if (const auto* table = extension<usher_timer_host>(USHER_EXT_TIMER)) table->stop(_host, id);
    }
    /// USHER_THREAD_*; USHER_THREAD_OTHER also when the host does not tell.
    std::int32_t thread() const {
        const auto* table = extension<usher_thread_check>(USHER_EXT_THREAD_CHECK);
        return table ? table->current(_host) : USHER_THREAD_OTHER;
    }

    template <class Table>
    const Table* extension(const char* id) const {
        return static_cast<const Table*>(_host->get_extension(_host, id));
    }
    const usher_host* raw() const noexcept { return _host; }

private:
    void change(std::string_view name, double value, const Fields& labels, bool counter) const {
        const auto* table = extension<usher_metrics>(USHER_EXT_METRICS);
        if (!table) return;
        std::vector<usher_field> c;
        for (const auto& [label, text] : labels) c.push_back({str(label), str(text)});
        (counter ? table->add : table->set)(_host, str(name), value, c.data(), c.size());
    }
    const usher_host* _host;
};

/// Keeps a call's Request alive after check() has returned. Made by Call::retain(). Move-only.
class Retained {
public:
    Retained() = default;
    Retained(Retained&& other) noexcept { swap(other); }
    Retained& operator=(Retained other) noexcept { return swap(other), *this; }
    ~Retained() {
        if (_request) _host->release(_host, _call);
    }
    explicit operator bool() const noexcept { return _request != nullptr; }
    Request request() const noexcept { return Request(_request); }

private:
    friend class Call;
    Retained(const usher_host* host, usher_call call, const usher_request* request) noexcept
        : _host(host), _call(call), _request(request) {}
    void swap(Retained& other) noexcept {
        std::swap(_host, other._host), std::swap(_call, other._call), std::swap(_request, other._request);
    }
    const usher_host* _host = nullptr;
    usher_call _call = 0;
    const usher_request* _request = nullptr;
};

/// The duty to answer one question. Move-only; dropped unanswered it answers ERROR. [any-thread]
class Call {
public:
    Call(const usher_host* host, usher_call call) noexcept : _host(host), _call(call) {}
    Call(Call&& other) noexcept : _host(other._host), _call(std::exchange(other._call, 0)) {}
    Call& operator=(Call&& other) noexcept {
        if (this != &other) {
            drop();
            _host = other._host;
            _call = std::exchange(other._call, 0);
        }
        return *this;
    }
    ~Call() { drop(); }

    /// False: too late or already answered (STALE). Then an ALLOW is followed by no settled(): take back
    /// yourself what it cost.
    bool complete(const Verdict& verdict) {
        return verdict.withC([&](const usher_verdict& c) {
            usher_call call = std::exchange(_call, 0);
            return call != 0 && _host->complete(_host, call, &c) == USHER_OK;
        });
    }
    /// Only inside check().
    Retained retain(const Request& request) const {
        if (_call == 0 || _host->retain(_host, _call) != USHER_OK) return {};
        return Retained(_host, _call, request.raw());
    }
    usher_call handle() const noexcept { return _call; } ///< 0 once answered
    bool open() const noexcept { return _call != 0; }

private:
    void drop() noexcept {
        usher_call call = std::exchange(_call, 0);
        if (call == 0) return;
        usher_verdict error{};
        error.size = sizeof error;
        error.audit_message = str("the plugin gave no verdict");
        _host->complete(_host, call, &error);
    }
    const usher_host* _host;
    usher_call _call;
};

/// What came of a request that this plugin allowed.
struct Outcome {
    std::int32_t kind = USHER_UNKNOWN; ///< USHER_ACCEPTED, USHER_ABANDONED, USHER_UNKNOWN
    std::string_view runId;            ///< until settled() returns
};

} // namespace usher::auth

#include "detail/plugin.hpp"
