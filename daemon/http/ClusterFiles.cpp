#include "http/ClusterFiles.h"

#include "base/Json.h"
#include "base/Text.h"
#include "base/UniqueFd.h"
#include "domain/NodeUnreachable.h"
#include "http/ClusterSignature.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/StreamCopier.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace usher {

namespace {

// A request has 1.8 s for everything, the database and plugins included.
constexpr auto kConnectMicros = 500'000;
constexpr auto kAnswerMicros = 1'000'000;
constexpr std::size_t kMaxHolders = 1000;
constexpr std::int64_t kPiece = 1 << 20;
constexpr std::int64_t kMaxArtifact = std::int64_t{1} << 30;

std::string target(const char* what, const std::string& runId, int attempt) {
    return std::string("/cluster/v1/") + what + "?run=" + percentEncode(runId) +
           "&attempt=" + std::to_string(attempt);
}

Json parsed(const std::string& body, const std::string& node) {
    auto result = parseJson(body, {.maxBytes = 64u << 20, .maxValues = 5'000'000});
    if (Json* json = std::get_if<Json>(&result)) return std::move(*json);
    throw NodeUnreachable(node, "it does not speak this version's language");
}

} // namespace

std::optional<ClusterFiles::Holder> ClusterFiles::otherHolder(const std::string& runId, int attempt) {
    const std::string key = runId + "/" + std::to_string(attempt);
    const Instant now = _clock.instant();
    {
        Lock lock(_mutex);
        auto found = _holders.find(key);
        if (found != _holders.end() && now < found->second.until)
            return found->second.id == _nodeId ? std::nullopt : std::optional(found->second);
    }
    const auto run = _runs.findRun(runId);
    if (!run) return std::nullopt;
    Holder holder;
    if (run->attempt == attempt) holder.id = run->nodeId;
    for (const RunEvent& event : run->timeline)
        if (event.attempt == attempt && event.type == "claimed" && !event.nodeId.empty())
            holder.id = event.nodeId;
    if (holder.id.empty()) return std::nullopt; // nobody has claimed it yet: not for keeping
    holder.name = holder.id;
    if (holder.id != _nodeId)
        for (const Node& node : _nodes.listNodes())
            if (node.id == holder.id) {
                holder.name = node.name;
                holder.address = node.address;
            }
    // Who ran an attempt never changes; where it listens may.
    holder.until = now + std::chrono::seconds(10);
    Lock lock(_mutex);
    if (_holders.size() >= kMaxHolders) _holders.clear();
    _holders[key] = holder;
    return holder.id == _nodeId ? std::nullopt : std::optional(holder);
}

ClusterFiles::Answer ClusterFiles::ask(const Holder& node, const std::string& path) const {
    if (node.address.empty() || _secret.empty())
        throw NodeUnreachable(node.name, "files of other nodes need [cluster] address and secret_file");
    try {
        const std::size_t colon = node.address.rfind(':');
        std::string host = node.address.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        Poco::Net::HTTPClientSession session(
            host, static_cast<Poco::UInt16>(parseInteger(node.address.substr(colon + 1)).value_or(0)));
        session.setTimeout(Poco::Timespan(kConnectMicros), Poco::Timespan(kAnswerMicros),
                           Poco::Timespan(kAnswerMicros));
        Poco::Net::HTTPRequest request("GET", path, Poco::Net::HTTPMessage::HTTP_1_1);
        const auto signature = ClusterSignature::make(_secret, "GET", path, node.id, _clock.now());
        request.set(ClusterSignature::kTime, signature.time);
        request.set(ClusterSignature::kNonce, signature.nonce);
        request.set(ClusterSignature::kSignature, signature.signature);
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        std::istream& body = session.receiveResponse(response);
        Answer answer;
        answer.status = response.getStatus();
        answer.total = parseInteger(response.get("X-Usher-Total", "0")).value_or(0);
        Poco::StreamCopier::copyToString(body, answer.body);
        if (response.hasContentLength() &&
            static_cast<std::int64_t>(answer.body.size()) != response.getContentLength64())
            throw NodeUnreachable(node.name, "its answer was cut");
        if (answer.status == 403)
            throw NodeUnreachable(node.name, "it refuses our signature: the secret files differ, or the "
                                             "clocks are more than a minute apart");
        if (answer.status != 200 && answer.status != 404)
            throw NodeUnreachable(node.name, "it answers " + std::to_string(answer.status));
        return answer;
    } catch (const Poco::Exception& error) {
        throw NodeUnreachable(node.name, node.address + " does not answer: " + error.displayText());
    }
}

std::optional<RunFiles::LogSlice> ClusterFiles::readLog(const std::string& runId, int attempt, int test,
                                                        std::int64_t offset, std::size_t maxBytes) {
    if (auto own = _own.readLog(runId, attempt, test, offset, maxBytes)) return own;
    auto holder = otherHolder(runId, attempt);
    if (!holder) return std::nullopt;
    Answer answer =
        ask(*holder, target("log", runId, attempt) + "&test=" + std::to_string(test) +
                         "&offset=" + std::to_string(offset) + "&max=" + std::to_string(maxBytes));
    if (answer.status != 200) return std::nullopt;
    return LogSlice{std::move(answer.body), answer.total};
}

std::vector<RunFiles::JournalEntry> ClusterFiles::readJournal(const std::string& runId, int attempt,
                                                              const std::string& afterId,
                                                              std::size_t maxBytes) {
    auto own = _own.readJournal(runId, attempt, afterId, maxBytes);
    if (!own.empty()) return own;
    auto holder = otherHolder(runId, attempt);
    if (!holder) return own;
    const Answer answer =
        ask(*holder, target("journal", runId, attempt) + "&after=" + percentEncode(afterId) +
                         "&max=" + std::to_string(maxBytes));
    const Json json = parsed(answer.body, holder->name);
    try {
        for (const Json& one : json.at("entries")) own.push_back({one.at(0), one.at(1), one.at(2)});
    } catch (const Json::exception&) {
        throw NodeUnreachable(holder->name, "it does not speak this version's language");
    }
    return own;
}

std::vector<RunFiles::Artifact> ClusterFiles::listArtifacts(const std::string& runId, int attempt) {
    auto own = _own.listArtifacts(runId, attempt);
    if (!own.empty()) return own;
    auto holder = otherHolder(runId, attempt);
    if (!holder) return own;
    const Answer answer = ask(*holder, target("artifacts", runId, attempt));
    const Json json = parsed(answer.body, holder->name);
    try {
        for (const Json& one : json.at("artifacts")) own.push_back({one.at(0), one.at(1)});
    } catch (const Json::exception&) {
        throw NodeUnreachable(holder->name, "it does not speak this version's language");
    }
    return own;
}

int ClusterFiles::openArtifact(const std::string& runId, int attempt, const std::string& path) {
    const int own = _own.openArtifact(runId, attempt, path);
    if (own >= 0) return own;
    auto holder = otherHolder(runId, attempt);
    if (!holder) return -1;
    UniqueFd file;
    for (std::int64_t at = 0, total = 1; at < total;) {
        const Answer answer =
            ask(*holder, target("artifact", runId, attempt) + "&path=" + percentEncode(path) +
                             "&offset=" + std::to_string(at) + "&max=" + std::to_string(kPiece));
        if (answer.status != 200) return -1;
        total = answer.total;
        if (total > kMaxArtifact) throw NodeUnreachable(holder->name, "the artifact is too large to pass on");
        if (!file) file.reset(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!file) file.reset(::memfd_create("artifact", MFD_CLOEXEC));
        if (!file || ::pwrite(file.get(), answer.body.data(), answer.body.size(), at) !=
                         static_cast<ssize_t>(answer.body.size()))
            throw std::system_error(errno, std::generic_category(), "cannot keep an artifact for passing on");
        if (answer.body.empty()) break;
        at += static_cast<std::int64_t>(answer.body.size());
    }
    return file.release();
}

} // namespace usher
