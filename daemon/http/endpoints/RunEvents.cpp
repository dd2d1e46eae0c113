#include "base/Json.h"
#include "base/Text.h"
#include "domain/NodeUnreachable.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

constexpr std::size_t kReadAhead = 256 * 1024;
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::chrono::seconds kPing{15};

/// DESIGN. One subscriber of a run: a position in the run's journal and a stream. It keeps no output: it
/// reads the journal from its position when the feed says that there is more, as far as the client takes it.
/// An event's id is "attempt-offset", so Last-Event-ID is a place to read on from, without loss or
/// repetition: "1-0" before anything, "N-end" after the last. pump() runs on the blocking pool, one at a
/// time.
class EventStream : public std::enable_shared_from_this<EventStream> {
public:
    EventStream(Services& services, const Run& run, std::string lastId)
        : _services(services), _runId(run.id), _lastId(std::move(lastId)) {
        if (auto attempt = parseInteger(std::string_view(_lastId).substr(0, _lastId.find('-'))))
            _attempt = static_cast<int>(*attempt);
    }

    void begin(std::unique_ptr<ReplyStream> stream) {
        auto self = shared_from_this();
        {
            std::lock_guard lock(_mutex); // the client may leave at once, and finish() takes the stream away
            _stream = std::move(stream);
            _stream->onProgress([self](bool open) { open ? self->wake() : self->finish(); });
        }
        auto watch = _services.feed.watch(_runId, [self](const RunFeed::Change& change) {
            if (change.status) self->learn(*change.status, change.attempt);
            self->wake();
        });
        {
            std::lock_guard lock(_mutex);
            // A client that left meanwhile has finished us: a watch kept now would hold us for ever.
            if (!_finished) std::swap(watch, _watch);
        }
        if (_lastId.empty()) send("1-0", "state", R"({"status":"queued"})");
        if (_lastId.empty() || _lastId == "1-0") _told = toText(RunStatus::queued);
        ask();
        tick();
    }

private:
    void learn(RunStatus status, int attempt) {
        std::lock_guard lock(_mutex);
        if (attempt < _newestAttempt) return;
        _newestAttempt = attempt;
        _status = status;
    }

    /// The state as the database has it: at the start, and now and then, should a hint have been missed.
    void ask() {
        try {
            auto run = _services.runs.findRun(_runId);
            if (run)
                learn(run->status, run->attempt);
            else
                learn(RunStatus::cancelled, 1 << 30); // deleted: nothing more will come
        } catch (const std::exception&) {
        }
        wake();
    }

    void tick() {
        std::weak_ptr<EventStream> weak = shared_from_this();
        _services.timers.after(kPing, [weak] {
            auto self = weak.lock();
            if (!self || self->_finished) return;
            self->_services.pool.post([self] {
                self->write(": ping\n\n");
                self->ask();
            });
            self->tick();
        });
    }

    void wake() {
        {
            std::lock_guard lock(_mutex);
            if (_finished || (_pumping && _again)) return;
            if (_pumping) {
                _again = true;
                return;
            }
            _pumping = true;
        }
        auto self = shared_from_this();
        if (!_services.pool.post([self] { self->pump(); })) {
            std::lock_guard lock(_mutex);
            _pumping = false; // the next change or ping tries again
        }
    }

    void pump() {
        while (true) {
            advance();
            std::lock_guard lock(_mutex);
            if (!_again) {
                _pumping = false;
                break;
            }
            _again = false;
        }
        if (_ended) finish();
    }

    void advance() {
        while (!_finished && !_ended) {
            RunStatus status;
            int newest;
            {
                std::lock_guard lock(_mutex);
                if (!_stream || _stream->pending() > kReadAhead) return; // goes on when the client has read
                status = _status;
                newest = _newestAttempt;
            }
            std::string from = _lastId == "1-0" ? std::string() : _lastId;
            std::vector<RunFiles::JournalEntry> entries;
            try {
                entries = _services.files.readJournal(_runId, _attempt, from, kPiece);
            } catch (const NodeUnreachable&) {
                // An earlier attempt's output went with its node. Of the present one nothing may be skipped:
                // the client is cut off, comes back with Last-Event-ID, and is told 503 until it is there.
                if (_attempt >= newest || newest >= 1 << 30) return finish();
            } catch (const std::exception&) {
                return finish();
            }
            for (auto& entry : entries) {
                send(entry.id, entry.type, entry.data);
                _lastId = entry.id;
                if (entry.type == "state") _told = statusIn(entry.data);
            }
            if (!entries.empty()) continue;
            if (_attempt < newest && newest < 1 << 30) {
                _attempt = newest; // lost and queued again: the next attempt has a journal of its own
                _lastId.clear();
                continue;
            }
            if (!hasEnded(status)) return;
            const std::string data = "{\"status\":\"" + std::string(toText(status)) + "\"}";
            // An end that no leader wrote down: cancelled in the queue, lost, never started.
            if (!_told.empty() && _told != toText(status)) send(afterLast(), "state", data);
            send(std::to_string(_attempt) + "-end", "end", data);
            _ended = true;
            return;
        }
    }

    static std::string statusIn(const std::string& state) {
        const auto parsed = parseJson(state);
        const Json* json = std::get_if<Json>(&parsed);
        return json ? json->value("status", "") : "";
    }

    /// An id of its own, behind everything that the journal holds.
    std::string afterLast() const {
        const std::size_t dash = _lastId.find('-');
        const auto offset = parseInteger(dash == std::string::npos ? "0" : _lastId.substr(dash + 1));
        return std::to_string(_attempt) + "-" + std::to_string(offset.value_or(0) + 1);
    }

    void send(const std::string& id, const std::string& type, const std::string& data) {
        write("id: " + id + "\nevent: " + type + "\ndata: " + data + "\n\n");
    }

    void write(std::string bytes) {
        std::unique_lock lock(_mutex);
        if (_stream) _stream->write(std::move(bytes));
    }

    void finish() {
        std::unique_ptr<ReplyStream> stream;
        RunFeed::Watch watch;
        {
            std::lock_guard lock(_mutex);
            _finished = true;
            stream = std::move(_stream);
            std::swap(watch, _watch);
        }
        if (!stream) return;
        if (_ended) stream->end();
        stream->onProgress(nullptr); // lets go of this object
    }

    Services& _services;
    const std::string _runId;
    std::string _lastId; ///< [pump]
    int _attempt = 1;    ///< [pump]
    std::string _told;   ///< [pump] the last state that was sent; empty: before this stream's beginning
    std::atomic<bool> _ended{false}, _finished{false};

    std::mutex _mutex; ///< guards what follows; never held while files or the database are read
    std::unique_ptr<ReplyStream> _stream;
    RunFeed::Watch _watch;
    RunStatus _status = RunStatus::queued;
    int _newestAttempt = 1;
    bool _pumping = false, _again = false;
};

bool isEventId(const std::string& id) {
    std::size_t dash = id.find('-');
    if (dash == std::string::npos) return false;
    auto attempt = parseInteger(std::string_view(id).substr(0, dash));
    std::string_view place = std::string_view(id).substr(dash + 1);
    auto offset = parseInteger(place);
    return attempt && *attempt >= 1 && *attempt < 1'000'000 && (place == "end" || (offset && *offset >= 0));
}

void events(Services& services, const Shared& context) {
    if (!runIdOf(*context)) return;
    if (!context->run) return void(context->refuse(notFound("Run", "RUN_NOT_FOUND")));
    std::string lastId = context->request().field("Last-Event-ID");
    if (!lastId.empty() && !isEventId(lastId))
        return void(context->refuse(badRequest("Last-Event-ID", "must be an id that this stream gave")));
    if (lastId.ends_with("-end")) {
        context->reply(Reply{204, {}, {}, false}); // tells an EventSource not to come back
        return;
    }
    if (!context->run->nodeId.empty()) // an answer while there can be one: NODE_UNREACHABLE
        services.files.readJournal(context->run->id, context->run->attempt, "", 1);
    auto events = std::make_shared<EventStream>(services, *context->run, std::move(lastId));
    Reply head{
        200,
        {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
        {},
        false};
    if (auto stream = context->exchange->stream(std::move(head))) events->begin(std::move(stream));
}

} // namespace

void addRunEventRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/runs/{id}/events", "run.read", [&s](Shared c) { events(s, c); }, "id",
                runAttributes(s)});
}

} // namespace usher
