#pragma once

#include "app/TriggerRequest.h"
#include "base/Mutex.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace usher {

/// The trigger requests under way. Those that are equal in job, credential, Idempotency-Key and body share
/// one flight: one check, one insert, one answer for all. Owned by TriggerJob. [any-thread]; no passenger is
/// called while the lock is held.
class TriggerFlights {
public:
    struct Flight {
        std::string key; ///< empty when there is nothing to join by
        TriggerRequest request;
        std::vector<TriggerDone> passengers; ///< guarded by _mutex while the flight is in _flights
    };

    /// The flight to ask about; null when the request joined one whose answer is awaited already.
    std::shared_ptr<Flight> board(TriggerRequest request, TriggerDone done) EXCLUDES(_mutex);
    /// Ends the flight and answers everybody in it. Once.
    void land(Flight& flight, const TriggerAnswer& answer) EXCLUDES(_mutex);

private:
    Mutex _mutex;
    std::unordered_map<std::string, std::shared_ptr<Flight>> _flights GUARDED_BY(_mutex);
};

} // namespace usher
