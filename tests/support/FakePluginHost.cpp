#include "support/FakePluginHost.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace usher::test {

namespace {

std::string text(usher_str value) {
    return value.data ? std::string(value.data, value.size) : std::string();
}
usher_str str(const std::string& value) {
    return {value.data(), value.size()};
}

Fields copied(const usher_field* fields, std::size_t count) {
    Fields out;
    for (std::size_t i = 0; i < count; ++i) out.emplace_back(text(fields[i].name), text(fields[i].value));
    return out;
}
std::vector<usher_field> lent(const Fields& fields) {
    std::vector<usher_field> out;
    for (const auto& [name, value] : fields) out.push_back({str(name), str(value)});
    return out;
}

/// Fills `params` when the path fits the pattern.
bool fits(const std::string& pattern, const std::string& path, Fields& params) {
    std::size_t p = 0, s = 0;
    params.clear();
    while (p < pattern.size()) {
        if (pattern[p] != '{') {
            if (s >= path.size() || path[s++] != pattern[p++]) return false;
            continue;
        }
        const std::size_t close = pattern.find('}', p);
        const std::size_t end = std::min(path.find('/', s), path.size());
        if (end == s) return false;
        params.emplace_back(pattern.substr(p + 1, close - p - 1), path.substr(s, end - s));
        p = close + 1;
        s = end;
    }
    return s == path.size();
}

} // namespace

std::string Said::header(const std::string& name) const {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return "";
}

struct FakePluginHost::Slot {
    Question question;
    std::vector<usher_field> headers, attributes;
    usher_request request{};
    std::mutex mutex;
    std::condition_variable done;
    Said said;
    Response response;
    bool over = false; ///< answered, or past its deadline
    usher_call call = 0;
};

FakePluginHost& FakePluginHost::of(const usher_host* host) {
    return *static_cast<const Host*>(host)->self;
}

FakePluginHost::FakePluginHost(const std::string& file, const std::string& url, Fields config,
                               std::shared_ptr<std::mutex> turn)
    : _url(url), _config(std::move(config)), _turn(std::move(turn)) {
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); // never closed, as in the daemon
    if (!library) throw std::runtime_error(::dlerror());
    _entry = static_cast<const usher_auth_entry*>(::dlsym(library, "usher_auth_entry_v1"));
    if (!_entry) throw std::runtime_error("no entry");
    _host.size = sizeof(usher_host);
    _host.complete = complete;
    _host.retain = retain;
    _host.release = release;
    _host.log = writeLog;
    _host.get_extension = extension;
    _host.self = this;
}

FakePluginHost::~FakePluginHost() {
    if (!_self) return;
    if (_started) _entry->ops->stop(_self);
    _entry->ops->destroy(_self);
}

bool FakePluginHost::start() {
    const auto config = lent(_config);
    if (_entry->ops->create(&_host, config.data(), config.size(), &_self) != USHER_OK) return false;
    _started = _entry->ops->start(_self) == USHER_OK;
    return _started;
}

std::shared_ptr<FakePluginHost::Slot> FakePluginHost::newSlot(const Question& question) {
    auto slot = std::make_shared<Slot>();
    slot->question = question;
    const Question& q = slot->question;
    slot->headers = lent(q.headers);
    slot->attributes = lent(q.attributes);
    usher_request& r = slot->request;
    static const std::string id = "req-1";
    r.size = sizeof r;
    r.request_id = str(id), r.action = str(q.action), r.resource = str(q.resource), r.method = str(q.method);
    r.target = str(q.target), r.peer_address = str(q.peerAddress), r.body = str(q.body);
    r.headers = slot->headers.data(), r.header_count = slot->headers.size();
    r.attributes = slot->attributes.data(), r.attribute_count = slot->attributes.size();
    const auto deadline = std::chrono::steady_clock::now() + q.budget;
    r.deadline_ns = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count());
    slot->over = q.budget <= std::chrono::milliseconds(0);
    std::lock_guard lock(_mutex);
    slot->call = _next++;
    _calls.emplace(slot->call, slot);
    return slot;
}

std::shared_ptr<FakePluginHost::Slot> FakePluginHost::send(const Question& question) {
    auto slot = newSlot(question);
    _entry->ops->check(_self, slot->call, &slot->request);
    return slot;
}

Said FakePluginHost::await(const std::shared_ptr<Slot>& slot) {
    const auto deadline =
        std::chrono::steady_clock::time_point(std::chrono::nanoseconds(slot->request.deadline_ns));
    std::unique_lock lock(slot->mutex);
    slot->done.wait_until(lock, deadline, [&] { return slot->over; });
    slot->over = true;
    slot->said.call = slot->call;
    lock.unlock();
    if (slot->said.decision != USHER_ALLOW) { // nothing will be settled
        std::lock_guard forget(_mutex);
        _calls.erase(slot->call);
    }
    return slot->said;
}

Said FakePluginHost::ask(const Question& question) {
    return await(send(question));
}

std::vector<Said> FakePluginHost::askAll(const std::vector<Question>& questions) {
    std::vector<std::shared_ptr<Slot>> slots;
    for (const Question& question : questions) slots.push_back(send(question));
    std::vector<Said> answers;
    for (const auto& slot : slots) answers.push_back(await(slot));
    return answers;
}

void FakePluginHost::settle(usher_call call, int kind) {
    usher_outcome outcome{sizeof(usher_outcome), kind, {nullptr, 0}};
    _entry->ops->settled(_self, call, &outcome);
    std::lock_guard lock(_mutex);
    _calls.erase(call);
}

Said FakePluginHost::askAndSettle(const Question& question, int kind) {
    Said said = ask(question);
    if (said.decision == USHER_ALLOW) settle(said.call, kind);
    return said;
}

Response FakePluginHost::request(const std::string& method, const std::string& path, const std::string& body,
                                 const std::string& user) {
    const auto* table =
        static_cast<const usher_http_routes*>(_entry->ops->get_extension(_self, USHER_EXT_HTTP_ROUTES));
    for (std::size_t i = 0; i < table->route_count; ++i) {
        Fields params;
        if (text(table->routes[i].method) != method || !fits(text(table->routes[i].path), path, params))
            continue;
        Question question;
        question.action = text(table->routes[i].action);
        question.method = method;
        question.body = body;
        auto slot = newSlot(question);
        const auto lentParams = lent(params);
        usher_http_request request{};
        request.size = sizeof request;
        request.route = static_cast<uint32_t>(i);
        request.request = &slot->request;
        request.principal_id = str(user);
        request.params = lentParams.data(), request.param_count = lentParams.size();
        table->handle(_self, slot->call, &request);
        await(slot);
        return slot->response;
    }
    throw std::runtime_error("no route for " + method + " " + path);
}

std::set<std::string> FakePluginHost::routes() const {
    const auto* table =
        static_cast<const usher_http_routes*>(_entry->ops->get_extension(_self, USHER_EXT_HTTP_ROUTES));
    std::set<std::string> all;
    for (std::size_t i = 0; i < table->route_count; ++i) {
        std::string method = text(table->routes[i].method);
        for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        all.insert(method + " " + text(table->routes[i].path));
    }
    return all;
}

std::string FakePluginHost::openapiPaths() const {
    return text(
        static_cast<const usher_http_routes*>(_entry->ops->get_extension(_self, USHER_EXT_HTTP_ROUTES))
            ->openapi_paths);
}

bool FakePluginHost::healthy(std::string& reason) {
    const auto* table = static_cast<const usher_health*>(_entry->ops->get_extension(_self, USHER_EXT_HEALTH));
    char buffer[256];
    std::size_t length = 0;
    const bool ok = table->check(_self, buffer, sizeof buffer, &length) == USHER_OK;
    reason.assign(buffer, length);
    return ok;
}

std::string FakePluginHost::log() {
    std::lock_guard lock(_mutex);
    return _log;
}

std::vector<std::string> FakePluginHost::audit() {
    std::lock_guard lock(_mutex);
    return _audit;
}

usher_status FakePluginHost::complete(const usher_host* host, usher_call call, const usher_verdict* verdict) {
    std::shared_ptr<Slot> slot;
    {
        std::lock_guard lock(of(host)._mutex);
        const auto at = of(host)._calls.find(call);
        if (at == of(host)._calls.end()) return USHER_STALE;
        slot = at->second;
    }
    std::lock_guard lock(slot->mutex);
    if (slot->over) return USHER_STALE;
    slot->over = true;
    Said& said = slot->said;
    said.answered = true;
    said.decision = verdict->decision, said.httpStatus = verdict->http_status, said.flags = verdict->flags;
    said.limit = verdict->limit, said.remaining = verdict->remaining, said.resetMs = verdict->reset_ms;
    said.principalId = text(verdict->principal_id), said.principalName = text(verdict->principal_name);
    said.principalRole = text(verdict->principal_role);
    said.code = text(verdict->code), said.audit = text(verdict->audit_message);
    const std::string message = text(verdict->public_message);
    said.title = message.substr(0, message.find('\n'));
    said.message = message.size() > said.title.size() ? message.substr(said.title.size() + 1) : "";
    said.headers = copied(verdict->headers, verdict->header_count);
    slot->done.notify_all();
    return USHER_OK;
}

usher_status FakePluginHost::retain(const usher_host*, usher_call) {
    return USHER_OK;
}
void FakePluginHost::release(const usher_host*, usher_call) {}

void FakePluginHost::writeLog(const usher_host* host, int32_t, usher_call, usher_str message,
                              const usher_field*, size_t) {
    std::lock_guard lock(of(host)._mutex);
    of(host)._log += text(message) + "\n";
}

const void* FakePluginHost::extension(const usher_host* host, const char* id) {
    static const usher_secrets secrets{sizeof(usher_secrets), 0, &FakePluginHost::secret};
    static const usher_db_turn turn{sizeof(usher_db_turn), 0, &FakePluginHost::acquireTurn,
                                    &FakePluginHost::releaseTurn};
    static const usher_audit audit{sizeof(usher_audit), 0, &FakePluginHost::record};
    static const usher_http_routes_host routes{sizeof(usher_http_routes_host), 0, &FakePluginHost::respond};
    if (std::strcmp(id, USHER_EXT_SECRETS) == 0) return &secrets;
    if (std::strcmp(id, USHER_EXT_DB_TURN) == 0) return of(host)._turn ? &turn : nullptr;
    if (std::strcmp(id, USHER_EXT_AUDIT) == 0) return &audit;
    if (std::strcmp(id, USHER_EXT_HTTP_ROUTES) == 0) return &routes;
    return nullptr;
}

usher_status FakePluginHost::secret(const usher_host* host, usher_str name, char* buffer, size_t capacity,
                                    size_t* length) {
    std::string value;
    if (text(name) == "database.url") {
        value = of(host)._url;
    } else {
        const Fields& config = of(host)._config;
        const auto file = std::find_if(config.begin(), config.end(), [&](const auto& field) {
            return field.first == text(name) + "_file";
        });
        if (file == config.end()) return USHER_INVALID;
        const std::ifstream stream(file->second);
        if (!stream) return USHER_INVALID;
        std::ostringstream content;
        content << stream.rdbuf();
        value = content.str();
    }
    *length = value.size();
    if (value.size() > capacity) return USHER_NO_MEMORY;
    std::memcpy(buffer, value.data(), value.size());
    return USHER_OK;
}

usher_status FakePluginHost::acquireTurn(const usher_host* host, uint64_t) {
    of(host)._turn->lock();
    return USHER_OK;
}
void FakePluginHost::releaseTurn(const usher_host* host) {
    of(host)._turn->unlock();
}

usher_status FakePluginHost::record(const usher_host* host, const usher_audit_record* record) {
    std::lock_guard lock(of(host)._mutex);
    of(host)._audit.push_back(text(record->actor) + " " + text(record->action) + " " +
                              text(record->resource) + " " + text(record->decision) + " " +
                              text(record->detail));
    return USHER_OK;
}

usher_status FakePluginHost::respond(const usher_host* host, usher_call call,
                                     const usher_http_response* response) {
    std::shared_ptr<Slot> slot;
    {
        std::lock_guard lock(of(host)._mutex);
        const auto at = of(host)._calls.find(call);
        if (at == of(host)._calls.end()) return USHER_STALE;
        slot = at->second;
        of(host)._calls.erase(at);
    }
    std::lock_guard lock(slot->mutex);
    if (slot->over) return USHER_STALE;
    slot->over = true;
    slot->response = {response->status, text(response->body),
                      copied(response->headers, response->header_count)};
    slot->done.notify_all();
    return USHER_OK;
}

} // namespace usher::test
