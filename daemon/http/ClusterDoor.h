#pragma once

#include "domain/Executor.h"
#include "http/ClusterSignature.h"
#include "http/Exchange.h"

#include <Poco/Logger.h>

namespace usher {

/// What a node answers to other nodes, on `[cluster] address`: the files of the runs that ran here, to signed
/// requests only. Who may see them was decided by the node that asks. Reads files on the listener's workers.
///
///   GET /cluster/v1/log?run=&attempt=&test=&offset=&max=         the text; X-Usher-Total: its whole size
///   GET /cluster/v1/journal?run=&attempt=&after=&max=            {"entries": [[id, type, data]]}
///   GET /cluster/v1/artifacts?run=&attempt=                      {"artifacts": [[path, bytes]]}
///   GET /cluster/v1/artifact?run=&attempt=&path=&offset=&max=    the bytes; X-Usher-Total
class ClusterDoor final : public RequestHandler {
public:
    ClusterDoor(RunFiles& files, ClusterVerifier& verifier, Poco::Logger& logger)
        : _files(files), _verifier(verifier), _logger(logger) {}

    BodyRule bodyRule(const std::string&, const std::string&) const override { return {0}; }
    void handle(std::shared_ptr<Exchange> exchange) override;
    std::optional<Reply> answerAtOnce(const HttpRequest&) const override { return std::nullopt; }

private:
    Reply answer(const HttpRequest& request);

    RunFiles& _files;
    ClusterVerifier& _verifier;
    Poco::Logger& _logger;
};

} // namespace usher
