#pragma once

#include "app/Timers.h"
#include "http/BlockingPool.h"
#include "http/Context.h"
#include "http/Gate.h"

#include <Poco/Logger.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace usher {

/// DESIGN. Finds the route of a request and takes it there. A guarded route: load what the plugins must know
/// of the resource (blocking pool), ask the chain of its action (parked: no thread waits), then run the
/// endpoint (blocking pool). An open route runs on the worker and must not block; it does its own asking, if
/// any. Whatever is not answered when its budget is over is answered 503 by a timer; the endpoint's own
/// answer then comes too late and is dropped. add() before the listener starts; handle() [worker].
class Router final : public RequestHandler {
public:
    using Handler = std::function<void(std::shared_ptr<Context>)>;
    /// Attributes of the resource for the question; may block and throw StorageUnavailable.
    using Loader = std::function<Fields(Context&)>;

    struct Route {
        std::string method;
        std::string pattern;     ///< "/api/jobs/{id}": {name} matches one segment, {name...} the rest
        std::string action = {}; ///< empty: open
        Handler handler = {};
        std::string resourceParam = "id";
        Loader load = {};
        std::size_t bodyLimit = 1u << 20;
        bool inlineHandler = false;  ///< handler does not block: runs where the verdict arrives
        bool unbounded = false;      ///< not under the budget once authorised
        bool servedByPlugin = false; ///< the handler waits for a plugin
        bool page = false;           ///< of the web console: no part of the API and of its description
    };

    Router(Gate& gate, BlockingPool& pool, Timers& timers, Poco::Logger& logger)
        : _gate(gate), _pool(pool), _timers(timers), _logger(logger) {}

    void add(Route route);
    /// Answered by the event loop itself, whatever else hangs.
    void addInstant(const std::string& path, std::function<Reply(const HttpRequest&)> answer);
    /// "METHOD pattern" of what belongs to the API, for its description.
    std::vector<std::string> listRoutes() const;

    BodyRule bodyRule(const std::string& method, const std::string& path) const override;
    void handle(std::shared_ptr<Exchange> exchange) override;
    std::optional<Reply> answerAtOnce(const HttpRequest& request) const override;

private:
    struct Entry {
        Route route;
        std::vector<std::string> segments;
    };
    const Entry* find(const std::string& method, const std::string& path, Fields* params,
                      std::string* allow) const;
    void authorise(const Entry& entry, std::shared_ptr<Context> context);
    void ask(const Entry& entry, std::shared_ptr<Context> context, Fields attributes);
    void call(const Handler& handler, const std::shared_ptr<Context>& context) const;
    void post(const std::shared_ptr<Context>& context, std::function<void()> work);

    Gate& _gate;
    BlockingPool& _pool;
    Timers& _timers;
    Poco::Logger& _logger;
    std::vector<std::unique_ptr<Entry>> _entries;
    std::vector<std::pair<std::string, std::function<Reply(const HttpRequest&)>>> _instant;
};

} // namespace usher
