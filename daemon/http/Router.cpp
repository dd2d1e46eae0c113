#include "http/Router.h"

#include "app/Words.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "domain/Errors.h"
#include "domain/NodeUnreachable.h"

namespace usher {

namespace {

const std::string kEmpty;

bool isParam(const std::string& segment) {
    return segment.size() > 2 && segment.front() == '{';
}
bool isRest(const std::string& segment) {
    return segment.ends_with("...}");
}
std::string paramName(const std::string& segment) {
    return segment.substr(1, segment.size() - (isRest(segment) ? 5 : 2));
}

std::vector<std::string> segmentsOf(std::string_view path) {
    return split(path.substr(path.empty() || path[0] != '/' ? 0 : 1), '/');
}

Fields parseQuery(std::string_view query) {
    Fields fields;
    if (query.empty()) return fields;
    for (const std::string& part : split(query, '&')) {
        std::size_t equals = part.find('=');
        std::string name = part.substr(0, equals);
        std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
        for (char& c : value)
            if (c == '+') c = ' ';
        auto decodedName = percentDecode(name), decodedValue = percentDecode(value);
        if (decodedName && decodedValue)
            fields.emplace_back(std::move(*decodedName), std::move(*decodedValue));
    }
    return fields;
}

/// The job that a path is about: /api/jobs/{id}/… or a {jobId} elsewhere; nothing when that is no id.
std::string jobOf(const std::vector<std::string>& pattern, const Context& context) {
    std::string name = "jobId";
    if (pattern.size() > 2 && pattern[0] == "api" && pattern[1] == "jobs" && isParam(pattern[2]))
        name = paramName(pattern[2]);
    return parseUuid(context.param(name)).value_or("");
}

} // namespace

const std::string& Context::param(std::string_view name) const {
    for (const auto& [key, value] : params)
        if (key == name) return value;
    return kEmpty;
}

std::optional<std::string> Context::queryValue(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return value;
    return std::nullopt;
}

bool Context::refuse(const Refusal& refusal) {
    return reply(toReply(refusal, request().id));
}

Refusal badRequest(std::string field, std::string message) {
    std::string text = field + ": " + message;
    return {
        400, "Invalid request", std::move(text), "INVALID_REQUEST", {{std::move(field), std::move(message)}},
        0};
}

Refusal notFound(const std::string& what, const std::string& code) {
    return {404, what + " not found", "Nothing has this id; it may have been deleted.", code, {}, 0};
}

void Router::add(Route route) {
    auto entry = std::make_unique<Entry>();
    entry->segments = segmentsOf(route.pattern);
    entry->route = std::move(route);
    _entries.push_back(std::move(entry));
}

void Router::addInstant(const std::string& path, std::function<Reply(const HttpRequest&)> answer) {
    _instant.emplace_back(path, std::move(answer));
}

std::vector<std::string> Router::listRoutes() const {
    std::vector<std::string> routes;
    for (const auto& entry : _entries)
        if (!entry->route.page) routes.push_back(entry->route.method + " " + entry->route.pattern);
    for (const auto& [path, _] : _instant) routes.push_back("GET " + path);
    return routes;
}

const Router::Entry* Router::find(const std::string& method, const std::string& path, Fields* params,
                                  std::string* allow) const {
    std::vector<std::string> segments = segmentsOf(path);
    for (const auto& entry : _entries) {
        const auto& pattern = entry->segments;
        bool rest = !pattern.empty() && isRest(pattern.back());
        if (rest ? segments.size() < pattern.size() : segments.size() != pattern.size()) continue;
        bool matches = true;
        for (std::size_t i = 0; matches && i < pattern.size(); ++i)
            matches = isParam(pattern[i]) ? !segments[i].empty() : pattern[i] == segments[i];
        if (!matches) continue;
        if (entry->route.method != method) {
            if (allow) {
                *allow += (allow->empty() ? "" : ", ") + entry->route.method;
                if (entry->route.method == "GET") *allow += ", HEAD";
            }
            continue;
        }
        if (params) {
            for (std::size_t i = 0; i < pattern.size(); ++i) {
                if (!isParam(pattern[i])) continue;
                std::string raw = segments[i];
                if (isRest(pattern[i]))
                    for (std::size_t j = i + 1; j < segments.size(); ++j) raw += '/' + segments[j];
                auto decoded = percentDecode(raw);
                // A NUL or broken UTF-8 must not reach an endpoint, a plugin or the database.
                if (!decoded || decoded->find('\0') != std::string::npos || !isUtf8(*decoded))
                    decoded = "\x7f";
                // Ids are accepted in any case and compared in one: also by plugins.
                if (auto uuid = parseUuid(*decoded)) decoded = std::move(uuid);
                params->emplace_back(paramName(pattern[i]), std::move(*decoded));
            }
        }
        return entry.get();
    }
    return nullptr;
}

RequestHandler::BodyRule Router::bodyRule(const std::string& method, const std::string& path) const {
    const Entry* entry = find(method, path, nullptr, nullptr);
    return {entry ? entry->route.bodyLimit : 1u << 20};
}

std::optional<Reply> Router::answerAtOnce(const HttpRequest& request) const {
    if (request.head.getMethod() != "GET" && request.head.getMethod() != "HEAD") return std::nullopt;
    for (const auto& [path, answer] : _instant)
        if (path == request.path) return answer(request);
    return std::nullopt;
}

void Router::handle(std::shared_ptr<Exchange> exchange) {
    auto context = std::make_shared<Context>();
    context->exchange = std::move(exchange);
    const HttpRequest& request = context->request();
    const std::string& method = request.head.getMethod();
    std::string allow;
    const Entry* entry = find(method == "HEAD" ? "GET" : method, request.path, &context->params, &allow);
    if (!entry) {
        bool instant = false;
        for (const auto& [path, _] : _instant) instant = instant || path == request.path;
        if (instant) allow = "GET, HEAD";
        if (request.path == "*") {
            // The server as a whole (RFC 9110, 9.3.7); RequestRules lets only OPTIONS come here.
            context->reply(
                Reply{204, {{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}, {}, false});
        } else if (allow.empty()) {
            context->refuse({404,
                             "Not found",
                             "There is nothing at this path; the API begins at /api/.",
                             "NOT_FOUND",
                             {},
                             0});
        } else if (method == "OPTIONS") {
            context->reply(Reply{204, {{"Allow", allow + ", OPTIONS"}}, {}, false});
        } else {
            Reply reply = toReply(
                {405, "Method not allowed", "This path answers " + allow + ".", "METHOD_NOT_ALLOWED", {}, 0},
                request.id);
            context->reply(std::move(reply.with("Allow", allow)));
        }
        return;
    }
    context->query = parseQuery(request.query);
    if (entry->route.action.empty()) return call(entry->route.handler, context);
    authorise(*entry, std::move(context));
}

void Router::authorise(const Entry& entry, std::shared_ptr<Context> context) {
    context->admission = std::make_shared<Admission>(std::move(context->exchange));
    context->exchange = context->admission;
    // The exchange only: the timer must not keep the rest of an answered request alive.
    std::weak_ptr<Admission> admission = context->admission;
    _timers.at(context->request().received + _gate.settings().budget, [admission] {
        if (auto open = admission.lock()) open->overtime();
    });
    if (!entry.route.load) return ask(entry, std::move(context), {});
    post(context, [this, &entry, context] {
        call([this, &entry](const std::shared_ptr<Context>& c) { ask(entry, c, entry.route.load(*c)); },
             context);
    });
}

void Router::ask(const Entry& entry, std::shared_ptr<Context> context, Fields attributes) {
    const std::string& action = entry.route.action;
    auto question = _gate.question(context->request(), action, context->param(entry.route.resourceParam),
                                   jobOf(entry.segments, *context));
    for (auto& attribute : attributes) question->attributes.push_back(std::move(attribute));
    context->question = question;
    context->exchange->onAbandoned([askers = question->askers] { askers->leave(); });
    Authenticator& chain = _gate.chainFor(action);
    context->admission->waitForPlugin(true);
    chain.check(question, [this, &entry, context, question](Answer answer) {
        Verdict& verdict = answer.verdict;
        if (verdict.decision != Decision::allow) {
            Refusal refusal = refusalOf(verdict);
            Reply reply = toReply(refusal, question->requestId, verdict.headers);
            _gate.refuse(context->exchange, *question, std::move(reply), refusal, verdict.guess,
                         verdict.principal.id, verdict.auditMessage);
            return;
        }
        context->admission->let(std::move(verdict.headers), std::move(answer.settlements));
        context->admission->waitForPlugin(entry.route.servedByPlugin);
        if (entry.route.unbounded) context->admission->takeYourTime();
        context->principal = std::move(verdict.principal);
        if (entry.route.inlineHandler) return call(entry.route.handler, context);
        post(context, [this, &entry, context] { call(entry.route.handler, context); });
    });
}

void Router::post(const std::shared_ptr<Context>& context, std::function<void()> work) {
    if (!_pool.post(std::move(work))) context->refuse(storageUnavailable());
}

void Router::call(const Handler& handler, const std::shared_ptr<Context>& context) const {
    try {
        handler(context);
    } catch (const StorageUnavailable& error) {
        _logger.warning("request " + context->request().id +
                        ": storage unavailable: " + oneLine(error.what()));
        const std::string& method = context->request().head.getMethod();
        const bool reads = method == "GET" || method == "HEAD";
        if (context->admission && !reads) context->admission->unknown(); // it may have been carried out
        context->refuse(storageUnavailable());
    } catch (const NodeUnreachable& error) {
        _logger.warning("request " + context->request().id + ": " + oneLine(error.what()));
        context->refuse({503,
                         "Node unreachable",
                         "This lies on node " + oneLine(error.node(), 128) + ", which cannot be reached now.",
                         "NODE_UNREACHABLE",
                         {},
                         5});
    } catch (const std::exception& error) {
        _logger.error("request " + context->request().id + " " + oneLine(context->request().path, 128) +
                      " failed: " + oneLine(error.what()));
        context->refuse({500,
                         "Internal error",
                         "Something went wrong here; the log has this request's id.",
                         "INTERNAL",
                         {},
                         0});
    }
}

} // namespace usher
