#pragma once

#include "domain/Authenticator.h"
#include "plugin/Verdicts.h"

#include <usher/auth.h>
#include <usher/ext/http-routes.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace usher {

/// The part of a call that only requests to a plugin's own routes have.
struct RouteQuestion {
    std::uint32_t route = 0;
    Principal principal;
    Fields params, query;
    std::function<void(PluginResponse)> done;
    usher_http_request c{};
    std::vector<usher_field> cParams, cQuery;
};

/// One call: a place in the table, reused. The handle that a plugin holds is place and generation, so that an
/// old one is recognised for ever.
struct CallSlot {
    usher_call handle = 0;    ///< 0: free
    bool open = false;        ///< not answered yet
    bool entered = false;     ///< the plugin has seen it
    bool inside = false;      ///< check() or handle() has not returned
    bool settling = false;    ///< an ALLOW whose settled() has not returned
    bool probe = false;       ///< of the breaker
    std::uint64_t number = 0; ///< in the breaker's order
    bool inlined = false;     ///< runs on the caller's thread
    std::uint32_t retained = 0;
    Instant deadline{}, enteredAt{};
    std::shared_ptr<const AuthRequest> request;
    Authenticator::Done done;
    std::unique_ptr<RouteQuestion> route; ///< null for a check

    // What the plugin sees; written by the thread that calls it, before the call.
    usher_request c{};
    std::vector<usher_field> fields;
};

/// What goes when a call is over. Destroyed by whoever took it out, after the lock is given back.
struct CallRemains {
    std::shared_ptr<const AuthRequest> request;
    std::unique_ptr<RouteQuestion> route;
};

/// The calls of one plugin instance. A slot stays taken while anything may still look at it: the plugin
/// inside check(), a retain(), an open settlement. Places never move. Not synchronised: its owner's lock.
class CallTable {
public:
    explicit CallTable(std::size_t capacity) : _capacity(capacity) {}

    /// Null: no place is left.
    CallSlot* open(std::shared_ptr<const AuthRequest> request, Instant deadline);
    /// Null: over and forgotten, or never was.
    CallSlot* find(usher_call call);
    /// Marks it as answered; nothing is freed yet.
    void answer(CallSlot& slot);
    /// Frees the slot if nothing holds it any more.
    CallRemains release(CallSlot& slot);

    std::size_t openCount() const { return _open; }
    /// Appends the open calls whose deadline has passed. Returns the earliest deadline of the others; max()
    /// when there is none.
    Instant findOverdue(Instant now, std::vector<CallSlot*>& overdue);
    /// Appends the open calls for whose answer nobody waits any more, but for overdue ones.
    void findDropped(Instant now, std::vector<CallSlot*>& dropped);
    /// Is one on its caller's thread since before `time`?
    bool anyInlineSince(Instant time) const;

private:
    static std::size_t index(usher_call call) { return static_cast<std::uint32_t>(call); }

    const std::size_t _capacity;
    std::size_t _open = 0;
    std::deque<CallSlot> _slots;
    std::vector<std::uint32_t> _generations;
    std::vector<Instant>
        _deadlines; ///< apart from the slots: read through by each sweep; max() when not open
    std::vector<std::uint32_t> _free;
};

} // namespace usher
