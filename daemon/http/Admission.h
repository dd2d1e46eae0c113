#pragma once

#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "http/Exchange.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace usher {

/// The exchange of a guarded route: adds what the verdict said to the answer (rate limits, Set-Cookie) and
/// tells those who allowed, once, what came of it: accepted below 400, else abandoned. Made by the Router,
/// shared with the handler and whoever answers for it later; dropped unanswered, it says abandoned.
/// [any-thread]
class Admission final : public Exchange {
public:
    explicit Admission(std::shared_ptr<Exchange> exchange) : _exchange(std::move(exchange)) {}

    /// Who is waited for: decides in whose name the answer of overtime() is.
    void waitForPlugin(bool plugin) { _onPlugin = plugin; }
    /// The answer is not under the budget: overtime() does nothing.
    void takeYourTime() { _unbounded = true; }
    /// The budget is over. The handler may still work: it settles when it is through, although its answer
    /// comes too late.
    void overtime();

    /// The chain's answer, once.
    void let(Fields fields, std::vector<std::unique_ptr<Settlement>> settlements) EXCLUDES(_mutex);
    /// The request made this run.
    void made(const std::string& runId) EXCLUDES(_mutex);
    /// Whatever its answer will be, it counts as carried out from now on.
    void accept() EXCLUDES(_mutex) { settle(200); }
    /// Nobody can say whether it was carried out: what it cost is kept.
    void unknown() EXCLUDES(_mutex);
    /// It was answered well, and yet did nothing: what it cost is given back.
    void giveBack() EXCLUDES(_mutex);

    const HttpRequest& request() const override { return _exchange->request(); }
    bool reply(Reply reply) override;
    std::unique_ptr<ReplyStream> stream(Reply head) override;
    void onAbandoned(std::function<void()> gone) override { _exchange->onAbandoned(std::move(gone)); }

private:
    using Settlements = std::vector<std::unique_ptr<Settlement>>;

    /// With the verdict's fields, but for those that the answer has itself.
    Reply dressed(Reply reply) EXCLUDES(_mutex);
    void settle(int status) EXCLUDES(_mutex);
    Settlements take() EXCLUDES(_mutex);

    const std::shared_ptr<Exchange> _exchange;
    std::atomic<bool> _onPlugin{false}, _unbounded{false};
    Mutex _mutex;
    Fields _fields GUARDED_BY(_mutex);
    std::string _runId GUARDED_BY(_mutex);
    Settlements _settlements GUARDED_BY(_mutex);
};

} // namespace usher
