#include "Host.h"

#include "HostFunctions.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace usher::check {

namespace {

constexpr std::size_t kSpare = 512; // behind an oversized struct
constexpr unsigned char kRubbish = 0xa5;

usher_str str(const std::string& text) {
    return {text.data(), text.size()};
}

} // namespace

Guarded::Guarded(std::size_t size) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    size = (size + 15) & ~std::size_t{15}; // structs keep their alignment; all of them are multiples of 8
    _whole = (size + page - 1) / page * page + page;
    void* map = ::mmap(nullptr, _whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    _map = static_cast<char*>(map);
    ::mprotect(_map + _whole - page, page, PROT_NONE);
    _data = _map + _whole - page - size;
}

Guarded::~Guarded() {
    ::munmap(_map, _whole);
}

void Guarded::forbid() {
    ::mprotect(_map, _whole, PROT_NONE);
}

Host::Host(const Options& options, const usher_auth_ops& ops, Manner manner)
    : _options(options), _ops(ops), _manner(std::move(manner)),
      _tableMemory(sizeof(usher_host) + (_manner.exact ? 0 : kSpare)) {
    std::memset(_tableMemory.data(), _manner.oversized ? kRubbish : 0,
                sizeof(usher_host) + (_manner.exact ? 0 : kSpare));
    _table = reinterpret_cast<usher_host*>(_tableMemory.data());
    *_table = HostFunctions::table();
    if (_manner.oversized) _table->size += kSpare, _table->minor += 7;
    _stateDir = options.scratch + "/state-" + std::to_string(::getpid());
    ::mkdir(_stateDir.c_str(), 0700);
    HostFunctions::add(_table, this);
}

Host::~Host() {
    HostFunctions::remove(_table);
}

bool Host::create() {
    // The configuration is gone when create() has returned, as the header says.
    std::size_t bytes = 0;
    Fields config;
    for (const auto& field : _options.config)
        if (field.first != "database.url" && field.first != "database.password") config.push_back(field);
    for (const auto& [name, value] : config) bytes += name.size() + value.size() + sizeof(usher_field);
    static std::deque<std::unique_ptr<Guarded>> kept; // never unmapped: a late reader must be seen
    Guarded& memory = *kept.emplace_back(std::make_unique<Guarded>(bytes + 16));
    auto* fields = reinterpret_cast<usher_field*>(memory.data());
    char* at = memory.data() + config.size() * sizeof(usher_field);
    auto put = [&at](const std::string& text) {
        std::memcpy(at, text.data(), text.size());
        at += text.size();
        return usher_str{at - text.size(), text.size()};
    };
    for (std::size_t i = 0; i < config.size(); ++i) {
        fields[i].name = put(config[i].first);
        fields[i].value = put(config[i].second);
    }
    void* self = nullptr;
    usher_status status = USHER_FAILED;
    try {
        status = _ops.create(_table, fields, config.size(), &self);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of create()");
    }
    if (_manner.takeAway) memory.forbid();
    if (status != USHER_OK) return false;
    _self = self;
    return true;
}

bool Host::start() {
    try {
        return _ops.start(_self) == USHER_OK;
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of start()");
    }
}

void Host::begin() {
    if (!create()) throw NotJudged("create() refuses this configuration (--config K=V): " + log());
    if (!start()) throw NotJudged("start() fails with this configuration (--config K=V): " + log());
}

void Host::stop() {
    try {
        _ops.stop(_self);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of stop()");
    }
}

void Host::destroy() {
    try {
        _ops.destroy(_self);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of destroy()");
    }
    _self = nullptr;
}

Question Host::question(Fields headers) const {
    Question question;
    question.action = _options.action;
    question.resource = _options.job;
    question.target = "/api/jobs/" + _options.job + "/trigger";
    question.headers = std::move(headers);
    question.headers.emplace_back("Host", "localhost:8321");
    question.attributes = {{"job_id", _options.job}, {"client_address", question.peer}};
    return question;
}

/// The request in one piece of memory: strings first, then the fields, then the struct, which ends it.
void Host::build(Call& call, const Question& question) {
    const std::string* texts[] = {&question.action, &question.resource, &question.method,
                                  &question.target, &question.peer,     &question.body};
    const std::string id = "check-" + std::to_string(call.handle), none;
    std::size_t bytes = id.size();
    for (const std::string* text : texts) bytes += text->size();
    std::vector<const std::pair<std::string, std::string>*> all;
    for (const auto& field : question.headers) all.push_back(&field);
    for (const auto& field : question.attributes) all.push_back(&field);
    for (const auto* field : all) bytes += field->first.size() + field->second.size();
    bytes = (bytes + 15) & ~std::size_t{15};
    const std::size_t tail = _manner.exact ? 0 : kSpare;
    const std::size_t fieldBytes = all.size() * sizeof(usher_field);
    const std::size_t whole = (bytes + fieldBytes + sizeof(usher_request) + tail + 15) & ~std::size_t{15};
    call.memory = std::make_unique<Guarded>(whole);
    char* at = call.memory->data();
    auto put = [&at](const std::string& text) {
        std::memcpy(at, text.data(), text.size());
        at += text.size();
        return usher_str{at - text.size(), text.size()};
    };
    char* end = call.memory->data() + whole;
    auto* fields = reinterpret_cast<usher_field*>(end - tail - sizeof(usher_request) - fieldBytes);
    auto* request = reinterpret_cast<usher_request*>(end - tail - sizeof(usher_request));
    std::memset(end - tail, _manner.oversized ? kRubbish : 0, tail);
    *request = {};
    request->size = static_cast<std::uint32_t>(sizeof(usher_request) + (_manner.oversized ? tail : 0));
    request->request_id = put(id);
    usher_str* into[] = {&request->action, &request->resource,     &request->method,
                         &request->target, &request->peer_address, &request->body};
    for (std::size_t i = 0; i < std::size(texts); ++i) *into[i] = put(*texts[i]);
    for (std::size_t i = 0; i < all.size(); ++i) {
        fields[i].name = put(all[i]->first);
        fields[i].value = put(all[i]->second);
    }
    request->headers = fields, request->header_count = question.headers.size();
    request->attributes = fields + question.headers.size();
    request->attribute_count = question.attributes.size();
    request->deadline_ns = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(call.deadline.time_since_epoch()).count());
    call.request = request;
}

std::shared_ptr<Call> Host::ask(const Question& question) {
    auto call = std::make_shared<Call>();
    {
        std::lock_guard lock(_mutex);
        call->handle = (_next << 32) | (_next & 0xff);
        ++_next;
        _calls[call->handle] = call;
    }
    call->deadline = Clock::now() + question.budget;
    call->inside = true;
    build(*call, question);
    try {
        _ops.check(_self, call->handle, call->request);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of check()");
    }
    std::lock_guard lock(_mutex);
    call->inside = false;
    if (_manner.takeAway && call->retained == 0) call->memory->forbid();
    return call;
}

Said Host::await(const std::shared_ptr<Call>& call, std::chrono::milliseconds grace) {
    std::unique_lock lock(_mutex);
    _change.wait_until(lock, call->deadline, [&] { return call->completions > 0; });
    if (call->completions == 0) {
        call->open = false;
        lock.unlock();
        cancel(call);
        lock.lock();
        if (grace > 0ms) _change.wait_for(lock, grace, [&] { return call->completions > 0; });
    }
    return call->said;
}

Said Host::expectAnswer(const Question& question) {
    Said said = askAndAwait(question);
    if (!said.answered) throw NotJudged("it does not answer in time (answers.once, answers.in-time)");
    return said;
}

void Host::cancel(const std::shared_ptr<Call>& call) {
    if (!_ops.cancel) return;
    try {
        _ops.cancel(_self, call->handle);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of cancel()");
    }
}

void Host::settle(const std::shared_ptr<Call>& call, std::int32_t kind) {
    if (!_ops.settled) return;
    const std::string run = kind == USHER_ACCEPTED ? "7b1b6a6e-58f0-4f4c-8d2e-0c9f2d6a4e10" : "";
    Guarded memory(sizeof(usher_outcome) + (_manner.exact ? 0 : kSpare));
    std::memset(memory.data(), _manner.oversized ? kRubbish : 0,
                sizeof(usher_outcome) + (_manner.exact ? 0 : kSpare));
    auto* outcome = reinterpret_cast<usher_outcome*>(memory.data());
    *outcome = {static_cast<std::uint32_t>(sizeof(usher_outcome) + (_manner.oversized ? kSpare : 0)), kind,
                str(run)};
    try {
        _ops.settled(_self, call->handle, outcome);
    } catch (...) {
        throw Broken(2, "an exception crossed the interface out of settled()");
    }
}

int Host::completions(const std::shared_ptr<Call>& call) {
    std::lock_guard lock(_mutex);
    return call->completions;
}

std::string Host::log() {
    std::lock_guard lock(_mutex);
    return _log.empty() ? "(it logged nothing)" : _log;
}

} // namespace usher::check
