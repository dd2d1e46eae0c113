#pragma once

#include "app/RunFeed.h"
#include "app/Timers.h"
#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "domain/RunStore.h"
#include "http/BlockingPool.h"
#include "http/Exchange.h"

#include <functional>
#include <memory>
#include <string>

namespace usher {

/// A request that waits for its run to end: answered with the run when it has, with what `late` says when the
/// time is up, and let go when its client leaves. Whichever comes first takes the watch and the timer away
/// too. Owned by its timer; the parts outlive it. [any-thread]
class EndWait : public std::enable_shared_from_this<EndWait> {
public:
    struct Parts {
        RunStore& runs;
        RunFeed& feed;
        Timers& timers;
        BlockingPool& pool;
    };

    /// `fields` are added to the answer with the run.
    static void begin(Parts parts, const std::shared_ptr<Exchange>& exchange, const std::string& runId,
                      std::chrono::milliseconds wait, std::function<Reply()> late, Fields fields);

    EndWait(Parts parts, std::shared_ptr<Exchange> exchange, std::string runId, Fields fields)
        : _parts(parts), _runId(std::move(runId)), _fields(std::move(fields)),
          _exchange(std::move(exchange)) {}

private:
    /// Looks whether the run has ended, on the blocking pool; later when that is full.
    void look();
    void lookLater();
    void answerIfEnded();
    /// To whom the answer goes; null when somebody was faster.
    std::shared_ptr<Exchange> end() EXCLUDES(_mutex);

    const Parts _parts;
    const std::string _runId;
    const Fields _fields;
    Mutex _mutex;
    std::shared_ptr<Exchange> _exchange GUARDED_BY(_mutex); ///< null: it is over
    RunFeed::Watch _watch GUARDED_BY(_mutex);
    Timers::Ticket _timer GUARDED_BY(_mutex);
};

} // namespace usher
