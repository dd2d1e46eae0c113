#include "http/Gate.h"

#include "base/Text.h"

#include <cctype>

namespace usher {

namespace {

/// What the path names, as the records of changes call it: "job:…". Only what looks like an id: somebody may
/// have pasted a credential there.
std::string recordedResource(const std::string& action, const std::string& resource) {
    constexpr std::size_t kLongestId = 36;
    if (resource.empty() || resource.size() > kLongestId) return {};
    for (char c : resource)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') return {};
    const std::string noun = action.substr(0, action.find('.'));
    return (noun == "key" ? "job" : noun) + ":" + resource; // keys are managed below their job
}

} // namespace

Gate::Gate(Settings settings, Authenticator& trigger, Authenticator& run, Authenticator& manage,
           GuessThrottle& throttle, Timers& timers, AuditLog& audit)
    : _settings(std::move(settings)), _port(_settings.port), _trigger(trigger), _run(run), _manage(manage),
      _throttle(throttle), _timers(timers), _audit(audit) {}

std::shared_ptr<AuthRequest> Gate::question(const HttpRequest& request, const std::string& action,
                                            const std::string& resource, const std::string& jobId) const {
    auto question = std::make_shared<AuthRequest>();
    question->requestId = request.id;
    question->action = action;
    question->resource = resource;
    question->method = request.head.getMethod();
    question->target = request.head.getURI();
    question->peerAddress = request.peerAddress;
    question->tlsClientFingerprint = request.tlsClientFingerprint;
    question->headers.reserve(request.head.size());
    for (const auto& [name, value] : request.head) question->headers.emplace_back(name, value);
    ClientOrigin origin = originOf(request);
    question->attributes.emplace_back("client_address", std::move(origin.address));
    question->attributes.emplace_back("secure", origin.secure ? "1" : "0");
    question->attributes.emplace_back("public_url", _settings.publicUrl);
    question->attributes.emplace_back("port", std::to_string(_port));
    if (!jobId.empty()) question->attributes.emplace_back("job_id", jobId);
    question->body = request.body;
    question->deadline = request.received + _settings.budget;
    question->askers = std::make_shared<Askers>();
    return question;
}

std::string Gate::baseUrl() const {
    if (!_settings.publicUrl.empty()) return _settings.publicUrl;
    return (_settings.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(_port);
}

Authenticator& Gate::chainFor(const std::string& action) const {
    if (action == "job.trigger") return _trigger;
    return action.starts_with("run.") ? _run : _manage;
}

void Gate::refuse(std::shared_ptr<Exchange> exchange, const AuthRequest& question, Reply reply,
                  const Refusal& refusal, bool guess, const std::string& principalId,
                  const std::string& auditMessage) {
    const std::string& address = question.attributes.front().second;
    _audit.refused({0, principalId.empty() ? "-" : principalId, question.action,
                    recordedResource(question.action, question.resource), "refused", refusal.code, address,
                    question.requestId, auditMessage});
    if (!guess) {
        exchange->reply(std::move(reply));
        return;
    }
    switch (_throttle.count(address, std::chrono::steady_clock::now())) {
    case GuessThrottle::Action::answer:
        exchange->reply(std::move(reply));
        return;
    case GuessThrottle::Action::refuse: {
        Refusal tooMany{
            429,
            "Too many failed attempts",
            "This address sent too many credentials that do not exist. Wait a minute, then check the key.",
            "TOO_MANY_ATTEMPTS",
            {},
            60};
        exchange->reply(toReply(tooMany, question.requestId));
        return;
    }
    case GuessThrottle::Action::delay:
        // Held as data: no worker and no plugin call waits with it.
        _timers.after(GuessThrottle::kDelay,
                      [exchange, reply = std::move(reply)]() mutable { exchange->reply(std::move(reply)); });
        return;
    }
}

Reply toReply(const Refusal& refusal, const std::string& requestId, const Fields& fields) {
    std::optional<Json> details;
    if (!refusal.details.empty()) {
        details = Json::array();
        for (const auto& detail : refusal.details)
            details->push_back({{"field", detail.field}, {"message", detail.message}});
    }
    Reply reply =
        Reply::error(refusal.status, refusal.title, refusal.message, refusal.code, requestId, details);
    if (refusal.limits) {
        Json body = std::get<Json>(parseJson(reply.body));
        body["limit"] = refusal.limits->limit;
        body["remaining"] = refusal.limits->remaining;
        body["resetAt"] = formatTime(SystemClock().now() + refusal.limits->resetMs * 1000);
        reply.body = toText(body);
    }
    bool challenged = false, retry = false;
    for (const auto& [name, value] : fields) {
        challenged = challenged || equalsIgnoreCase(name, "WWW-Authenticate");
        retry = retry || equalsIgnoreCase(name, "Retry-After");
        reply.with(name, value);
    }
    if (refusal.status == 401 && !challenged) reply.with("WWW-Authenticate", "Bearer");
    if ((refusal.status == 429 || refusal.status == 503) && !retry)
        reply.with("Retry-After", std::to_string(std::max(1, refusal.retryAfterSeconds)));
    return reply;
}

} // namespace usher
