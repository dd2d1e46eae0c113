#include "base/Text.h"
#include "base/UniqueFd.h"
#include "http/endpoints/Endpoints.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;
constexpr std::size_t kPiece = 256 * 1024;

/// A stretch of bytes that can be read from any place: one test's log, all logs of a run in a row, a file.
struct Source {
    std::int64_t size = 0;
    std::function<std::string(std::int64_t offset, std::size_t max)> read;
};

/// Sends `from` to `to` of a source piece by piece, never more ahead than a piece: a slow reader costs one
/// buffer.
class Download : public std::enable_shared_from_this<Download> {
public:
    Download(Services& services, Source source, std::int64_t from, std::int64_t to)
        : _services(services), _source(std::move(source)), _at(from), _end(to) {}

    void begin(std::unique_ptr<ReplyStream> stream) {
        auto self = shared_from_this();
        {
            std::lock_guard lock(_mutex); // the client may leave at once, and drop() takes the stream away
            _stream = std::move(stream);
            _stream->onProgress([self](bool open) {
                // Not here, for a read under way would keep the event loop waiting.
                if (!self->_services.pool.post([self, open] { open ? self->pump() : self->drop(); }))
                    self->drop();
            });
        }
        pump();
    }

private:
    void pump() {
        std::unique_lock lock(_mutex);
        while (_stream && _at < _end && _stream->pending() < kPiece) {
            std::string piece;
            try {
                piece =
                    _source.read(_at, std::min<std::size_t>(kPiece, static_cast<std::size_t>(_end - _at)));
            } catch (const std::exception&) {
            }
            if (piece.empty()) { // the file became shorter: cut the answer, so that the client sees it
                lock.unlock();
                return drop();
            }
            _at += static_cast<std::int64_t>(piece.size());
            if (!_stream->write(std::move(piece))) break;
        }
        if (_stream && _at >= _end) {
            _stream->end();
            lock.unlock();
            drop();
        }
    }
    void drop() {
        std::unique_ptr<ReplyStream> stream;
        {
            std::lock_guard lock(_mutex);
            stream = std::move(_stream);
        }
        if (stream) stream->onProgress(nullptr);
    }

    Services& _services;
    Source _source;
    std::int64_t _at, _end;
    std::mutex _mutex;
    std::unique_ptr<ReplyStream> _stream;
};

struct Range {
    std::int64_t from, to; ///< to is one past the end
};

/// RFC 9110 section 14.1.2: one range of bytes; anything else is ignored, as the RFC allows.
std::optional<Range> rangeOf(const std::string& field, std::int64_t size, bool& unsatisfiable) {
    unsatisfiable = false;
    std::string_view text(field);
    if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos) return std::nullopt;
    text.remove_prefix(6);
    std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    auto first = parseInteger(text.substr(0, dash)), last = parseInteger(text.substr(dash + 1));
    if (dash == 0) {
        if (!last || *last < 0) return std::nullopt;
        unsatisfiable = *last == 0 || size == 0;
        return Range{std::max<std::int64_t>(0, size - *last), size};
    }
    if (!first || *first < 0 || (dash + 1 < text.size() && (!last || *last < *first))) return std::nullopt;
    unsatisfiable = *first >= size;
    return Range{*first, last ? std::min(size - 1, *last) + 1 : size};
}

void send(Services& services, const Shared& context, Source source, std::int64_t offset, Reply head) {
    head.with("Accept-Ranges", "bytes").with("Cache-Control", "no-store");
    Range range{std::min(offset, source.size), source.size};
    const std::string& field = context->request().field("Range");
    if (!field.empty()) {
        bool unsatisfiable = false;
        auto asked = rangeOf(field, source.size, unsatisfiable);
        if (unsatisfiable) {
            Reply reply = toReply({416,
                                   "Range not satisfiable",
                                   "The log is shorter than that, for now.",
                                   "RANGE_NOT_SATISFIABLE",
                                   {},
                                   0},
                                  context->request().id);
            context->reply(std::move(reply.with("Content-Range", "bytes */" + std::to_string(source.size))));
            return;
        }
        if (asked) {
            range = *asked;
            head.status = 206;
            head.with("Content-Range", "bytes " + std::to_string(range.from) + "-" +
                                           std::to_string(range.to - 1) + "/" + std::to_string(source.size));
        }
    }
    if (range.to - range.from <= static_cast<std::int64_t>(kPiece)) {
        while (range.from + static_cast<std::int64_t>(head.body.size()) < range.to) {
            auto at = range.from + static_cast<std::int64_t>(head.body.size());
            std::string piece = source.read(at, static_cast<std::size_t>(range.to - at));
            if (piece.empty()) break;
            head.body += piece;
        }
        context->reply(std::move(head));
        return;
    }
    if (auto stream = context->exchange->stream(std::move(head)))
        std::make_shared<Download>(services, std::move(source), range.from, range.to)
            ->begin(std::move(stream));
}

/// The kept log of one test, or of all in their order.
Source logSource(Services& services, const Run& run, std::optional<int> test) {
    struct Part {
        int test;
        std::int64_t size;
    };
    std::vector<Part> parts;
    Source source;
    for (const RunTest& one : run.tests) {
        if (test && one.position != *test) continue;
        if (auto slice = services.files.readLog(run.id, run.attempt, one.position, 0, 0)) {
            parts.push_back({one.position, slice->totalBytes});
            source.size += slice->totalBytes;
        }
    }
    source.read = [&services, id = run.id, attempt = run.attempt, parts](std::int64_t offset,
                                                                         std::size_t max) {
        for (const Part& part : parts) {
            if (offset >= part.size) {
                offset -= part.size;
                continue;
            }
            auto slice = services.files.readLog(
                id, attempt, part.test, offset,
                std::min<std::size_t>(max, static_cast<std::size_t>(part.size - offset)));
            return slice ? std::move(slice->text) : std::string();
        }
        return std::string();
    };
    return source;
}

void log(Services& services, const Shared& context) {
    if (!runIdOf(*context)) return;
    if (!context->run) return void(context->refuse(notFound("Run", "RUN_NOT_FOUND")));
    std::optional<int> test;
    if (auto text = context->queryValue("test")) {
        auto number = parseInteger(*text);
        if (!number || *number < 0 || *number > 1'000'000)
            return void(context->refuse(badRequest("test", "must be the position of a test, from 0")));
        test = static_cast<int>(*number);
    }
    std::int64_t offset = 0;
    if (auto text = context->queryValue("offset")) {
        auto number = parseInteger(*text);
        if (!number || *number < 0)
            return void(context->refuse(badRequest("offset", "must be a number of bytes")));
        offset = *number;
    }
    Run& run = *context->run;
    if (auto text = context->queryValue("attempt")) { // an earlier one, of a run that was tried again
        auto number = parseInteger(*text);
        if (!number || *number < 1 || *number > run.attempt)
            return void(context->refuse(badRequest("attempt", "must be an attempt of this run, from 1")));
        run.attempt = static_cast<int>(*number);
    }
    if (test && !run.tests.empty() && *test >= static_cast<int>(run.tests.size()))
        return void(context->refuse(notFound("Test", "TEST_NOT_FOUND")));
    send(services, context, logSource(services, run, test), offset,
         Reply{200, {{"Content-Type", "text/plain; charset=utf-8"}}, {}, false});
}

void artifacts(Services& services, const Shared& context) {
    if (!runIdOf(*context)) return;
    if (!context->run) return void(context->refuse(notFound("Run", "RUN_NOT_FOUND")));
    Json list = Json::array();
    for (const auto& artifact : services.files.listArtifacts(context->run->id, context->run->attempt))
        list.push_back({{"path", artifact.path}, {"bytes", artifact.bytes}});
    context->reply(Reply::json(200, {{"artifacts", std::move(list)}}));
}

std::string contentTypeOf(const std::string& path) {
    static const std::map<std::string, std::string> types = {{"png", "image/png"},
                                                             {"jpg", "image/jpeg"},
                                                             {"jpeg", "image/jpeg"},
                                                             {"webm", "video/webm"},
                                                             {"txt", "text/plain; charset=utf-8"},
                                                             {"log", "text/plain; charset=utf-8"},
                                                             {"json", "application/json"},
                                                             {"xml", "application/xml"},
                                                             {"zip", "application/zip"},
                                                             {"gif", "image/gif"}};
    std::size_t dot = path.rfind('.');
    auto found = types.find(dot == std::string::npos ? "" : toLower(path.substr(dot + 1)));
    return found == types.end() ? "application/octet-stream" : found->second;
}

void artifact(Services& services, const Shared& context) {
    if (!runIdOf(*context)) return;
    if (!context->run) return void(context->refuse(notFound("Run", "RUN_NOT_FOUND")));
    const std::string& path = context->param("path");
    auto fd = std::make_shared<UniqueFd>(
        services.files.openArtifact(context->run->id, context->run->attempt, path));
    struct stat info {};
    if (!*fd || ::fstat(fd->get(), &info) != 0)
        return void(context->refuse(notFound("Artifact", "ARTIFACT_NOT_FOUND")));
    Source source{info.st_size, [fd](std::int64_t offset, std::size_t max) {
                      std::string piece(max, '\0');
                      ssize_t n = ::pread(fd->get(), piece.data(), max, offset);
                      piece.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
                      return piece;
                  }};
    // What a test wrote is never run by a browser as a page of ours.
    send(services, context, std::move(source), 0,
         Reply{200,
               {{"Content-Type", contentTypeOf(path)},
                {"Content-Security-Policy", "sandbox; default-src 'none'"}},
               {},
               false});
}

} // namespace

void addRunLogRoutes(Router& router, Services& s) {
    router.add(
        {"GET", "/api/runs/{id}/log", "run.read", [&s](Shared c) { log(s, c); }, "id", runAttributes(s)});
}

void addArtifactRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/runs/{id}/artifacts", "run.read", [&s](Shared c) { artifacts(s, c); }, "id",
                runAttributes(s)});
    Router::Route one{"GET",      "/api/runs/{id}/artifacts/{path...}",
                      "run.read", [&s](Shared c) { artifact(s, c); },
                      "id",       runAttributes(s)};
    one.unbounded = true; // a large file of another node is fetched before the answer begins
    router.add(std::move(one));
}

} // namespace usher
