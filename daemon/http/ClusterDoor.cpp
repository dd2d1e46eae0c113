#include "http/ClusterDoor.h"

#include "base/Text.h"
#include "base/UniqueFd.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

namespace usher {

namespace {

constexpr std::int64_t kMaxPiece = 1 << 20;

using Query = std::map<std::string, std::string>;

Query queryOf(const std::string& text) {
    Query query;
    for (const std::string& part : split(text, '&')) {
        const std::size_t equals = part.find('=');
        if (equals == std::string::npos) continue;
        if (auto value = percentDecode(part.substr(equals + 1))) query[part.substr(0, equals)] = *value;
    }
    return query;
}

std::int64_t number(const Query& query, const char* name) {
    auto found = query.find(name);
    auto value = found == query.end() ? std::nullopt : parseInteger(found->second);
    return value && *value >= 0 ? *value : 0;
}

std::string text(const Query& query, const char* name) {
    auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

Reply refusal(int status) {
    return Reply{status, {}, {}, false};
}

} // namespace

void ClusterDoor::handle(std::shared_ptr<Exchange> exchange) {
    try {
        exchange->reply(answer(exchange->request()));
    } catch (const std::exception& error) {
        _logger.error("another node's request " + exchange->request().id +
                      " failed: " + oneLine(error.what()));
        exchange->reply(refusal(500));
    }
}

Reply ClusterDoor::answer(const HttpRequest& request) {
    const std::string target = request.path + (request.query.empty() ? "" : "?" + request.query);
    const ClusterSignature said{request.field(ClusterSignature::kTime),
                                request.field(ClusterSignature::kNonce),
                                request.field(ClusterSignature::kSignature)};
    if (!_verifier.accepts(request.head.getMethod(), target, said)) return refusal(403);
    if (request.head.getMethod() != "GET") return refusal(405);

    const Query query = queryOf(request.query);
    const std::string run = text(query, "run");
    const int attempt = static_cast<int>(std::min<std::int64_t>(number(query, "attempt"), 1'000'000));
    const auto max = static_cast<std::size_t>(std::min(number(query, "max"), kMaxPiece));
    if (request.path == "/cluster/v1/log") {
        const int test = static_cast<int>(std::min<std::int64_t>(number(query, "test"), 1'000'000));
        auto slice = _files.readLog(run, attempt, test, number(query, "offset"), max);
        if (!slice) return refusal(404);
        return Reply::text(200, std::move(slice->text))
            .with("X-Usher-Total", std::to_string(slice->totalBytes));
    }
    if (request.path == "/cluster/v1/journal") {
        Json entries = Json::array();
        for (auto& one : _files.readJournal(run, attempt, text(query, "after"), max))
            entries.push_back(Json::array({one.id, one.type, one.data}));
        return Reply::json(200, {{"entries", std::move(entries)}});
    }
    if (request.path == "/cluster/v1/artifacts") {
        Json artifacts = Json::array();
        for (const auto& one : _files.listArtifacts(run, attempt))
            artifacts.push_back(Json::array({one.path, one.bytes}));
        return Reply::json(200, {{"artifacts", std::move(artifacts)}});
    }
    if (request.path == "/cluster/v1/artifact") {
        UniqueFd file(_files.openArtifact(run, attempt, text(query, "path")));
        struct stat info {};
        if (!file || ::fstat(file.get(), &info) != 0) return refusal(404);
        Reply reply{200, {{"Content-Type", "application/octet-stream"}}, std::string(max, '\0'), false};
        const ssize_t n = ::pread(file.get(), reply.body.data(), max, number(query, "offset"));
        reply.body.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return reply.with("X-Usher-Total", std::to_string(info.st_size));
    }
    return refusal(404);
}

} // namespace usher
