#include "plugin/HostSide.h"

#include "base/Text.h"
#include "plugin/CText.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kMaxLine = 2048, kMaxField = 512, kMaxFields = 32, kMaxSecret = 64 * 1024;
constexpr const char* kRemoved = "[removed]";

/// Header fields and log fields whose value nobody may read in a log.
bool isSecretName(std::string_view name) {
    static constexpr std::array<std::string_view, 8> kWords = {
        "authorization", "cookie", "api-key", "apikey", "password", "secret", "token", "credential"};
    const std::string lower = toLower(name);
    return lower == "key" || std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
               return lower.find(word) != std::string::npos;
           });
}

void removeAll(std::string& text, std::string_view what) {
    if (what.size() < 4) return; // too short to be a secret, and would eat ordinary words
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += std::strlen(kRemoved))
        text.replace(at, what.size(), kRemoved);
}

/// Takes out of `text` what the client sent as its credential.
void removeCredentials(std::string& text, const AuthRequest& request) {
    for (const auto& [name, value] : request.headers) {
        if (!isSecretName(name)) continue;
        removeAll(text, value);
        for (const std::string& piece : split(value, ' ')) { // "Bearer KEY", "a=b; c=d"
            std::string_view bare = trim(piece);
            if (!bare.empty() && bare.back() == ';') bare.remove_suffix(1);
            if (equalsIgnoreCase(bare, "bearer") || equalsIgnoreCase(bare, "basic")) continue;
            removeAll(text, bare);
            if (std::size_t equals = bare.find('='); equals != std::string_view::npos)
                removeAll(text, bare.substr(equals + 1));
        }
    }
}

Micros wallClock() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::int64_t monotonicNs() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Ours alone: made 0700, or already there and ours.
bool makeFolder(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return true;
    struct stat st {};
    return errno == EEXIST && ::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == ::geteuid();
}

} // namespace

void HostSide::log(int severity, const AuthRequest* request, usher_str message, const usher_field* fields,
                   std::size_t count) {
    auto clean = [&](usher_str raw, std::size_t limit) {
        if (!raw.data) return std::string();
        // More than is shown, so that a secret is recognised before the cut goes through it.
        std::string text(raw.data, std::min(raw.size, limit + 8192));
        if (request) removeCredentials(text, *request);
        return oneLine(text, limit);
    };
    Fields copy;
    if (fields)
        for (std::size_t i = 0; i < std::min(count, kMaxFields); ++i) {
            std::string name = clean(fields[i].name, 64);
            std::string value = isSecretName(name) ? kRemoved : clean(fields[i].value, kMaxField);
            copy.emplace_back(std::move(name), std::move(value));
        }
    std::string text = clean(message, kMaxLine);
    severity = std::clamp(severity, USHER_LOG_ERROR, USHER_LOG_DEBUG);
    if (severity == USHER_LOG_ERROR) {
        Lock lock(_mutex);
        _lastError = text;
    }
    _services.log(severity, _settings.name, request ? request->requestId : std::string(), text, copy);
}

void HostSide::say(int severity, const std::string& text, const Fields& fields) {
    if (severity == USHER_LOG_ERROR) {
        Lock lock(_mutex);
        _lastError = text;
    }
    _services.log(severity, _settings.name, {}, text, fields);
}

void HostSide::relay(int severity, const std::string& requestId, const std::string& text,
                     const Fields& fields) {
    severity = std::clamp(severity, USHER_LOG_ERROR, USHER_LOG_DEBUG);
    if (severity == USHER_LOG_ERROR) {
        Lock lock(_mutex);
        _lastError = text;
    }
    Fields clean;
    for (const auto& [name, value] : fields)
        clean.emplace_back(oneLine(name, 64), isSecretName(name) ? kRemoved : oneLine(value, kMaxField));
    _services.log(severity, _settings.name, requestId, text, clean);
}

bool HostSide::relay(AuditRecord record) {
    record.at = wallClock();
    for (std::string* text : {&record.actor, &record.action, &record.resource, &record.decision, &record.code,
                              &record.address, &record.requestId, &record.detail})
        *text = oneLine(*text, 2048);
    return _services.audit(_settings.name, std::move(record));
}

std::string HostSide::lastError() {
    Lock lock(_mutex);
    return _lastError;
}

Fields HostSide::setConfig(Fields config) {
    Lock lock(_mutex);
    return std::exchange(_config, std::move(config));
}

std::optional<std::string> HostSide::findSecret(std::string_view name) {
    if (_services.keepsSecrets()) return _services.secret(std::string(name));
    if (name == "database.url") return _settings.databaseUrl;
    if (name == "database.password") return _settings.databasePassword;
    const std::string key = std::string(name) + "_file";
    Fields config;
    {
        Lock lock(_mutex);
        config = _config;
    }
    for (const auto& [field, path] : config) {
        if (field != key) continue;
        std::optional<std::string> content = readFile(path, kMaxSecret);
        if (content && !content->empty() && content->back() == '\n') content->pop_back();
        return content;
    }
    return std::nullopt;
}

usher_status HostSide::secret(usher_str name, char* buffer, std::size_t capacity, std::size_t* length) {
    auto wanted = readText(name, 64);
    if (!wanted || wanted->empty() || !length || (!buffer && capacity > 0)) return USHER_INVALID;
    std::optional<std::string> value = findSecret(*wanted);
    if (!value) return USHER_INVALID;
    *length = value->size();
    const bool fits = value->size() <= capacity;
    if (fits && !value->empty()) std::memcpy(buffer, value->data(), value->size());
    ::explicit_bzero(value->data(), value->size());
    return fits ? USHER_OK : USHER_NO_MEMORY;
}

usher_status HostSide::acquireTurn(std::uint64_t deadlineNs) {
    WriterTurn* turn = _services.writerTurn();
    if (!turn) return USHER_INVALID;
    // Asking again while holding it would wait for oneself.
    if (_turnHolder.load() == std::this_thread::get_id()) return USHER_INVALID;
    // A deadline that is far away is a mistake, and a writer that waits for ever is a thread lost.
    const std::int64_t now = monotonicNs(), longest = now + 10'000'000'000;
    const std::int64_t until =
        deadlineNs > static_cast<std::uint64_t>(longest) ? longest : static_cast<std::int64_t>(deadlineNs);
    const auto instant =
        Instant(std::chrono::duration_cast<Instant::duration>(std::chrono::nanoseconds(until)));
    if (!turn->acquire(instant)) return USHER_TIMEOUT;
    _turnHolder = std::this_thread::get_id();
    _turnSince = monotonicNs();
    return USHER_OK;
}

void HostSide::releaseTurn() {
    WriterTurn* turn = _services.writerTurn();
    if (!turn || _turnHolder.load() != std::this_thread::get_id())
        return; // never gives back what another one holds
    const std::int64_t heldMs = (monotonicNs() - _turnSince.load()) / 1'000'000;
    _turnHolder = std::thread::id();
    turn->release();
    if (heldMs > 100)
        say(USHER_LOG_WARNING, "held the database's writer turn for " + std::to_string(heldMs) +
                                   " ms; every other writer waited (it should be under 20 ms)");
}

usher_str HostSide::pluginDir() {
    if (!hasState()) return {};
    Lock lock(_mutex);
    if (_pluginDir.empty()) {
        const std::string above = _settings.stateDir + "/plugins", path = above + "/" + _settings.name;
        if (!makeFolder(above) || !makeFolder(path)) return {};
        _pluginDir = path;
    }
    return toC(_pluginDir);
}

usher_str HostSide::daemonDir() {
    Lock lock(_mutex);
    if (_daemonDir.empty()) _daemonDir = _settings.stateDir;
    return toC(_daemonDir);
}

usher_status HostSide::audit(const usher_audit_record& raw) {
    bool complete = true;
    auto text = [&](usher_str value, std::size_t limit) {
        auto found = readText(value, limit);
        complete = complete && found.has_value();
        return found ? oneLine(*found, limit) : std::string();
    };
    AuditRecord record;
    record.at = wallClock();
    record.actor = text(raw.actor, 256);
    record.action = text(raw.action, 128);
    record.resource = text(raw.resource, 512);
    record.decision = text(raw.decision, 64);
    record.code = text(raw.code, 64);
    record.detail = text(raw.detail, 2048);
    record.address = text(raw.address, 128);
    record.requestId = text(raw.request_id, 128);
    if (!complete || record.action.empty()) return USHER_INVALID;
    if (record.actor.empty()) record.actor = "-";
    return _services.audit(_settings.name, std::move(record)) ? USHER_OK : USHER_NO_MEMORY;
}

} // namespace usher
