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
        std::shared_ptr<Askers> askers;      ///< the question's; one of them a passenger
    };

    /// The flight to ask about; null when the request joined one whose answer is awaited already. `askers`
    /// is told when the client of `request` goes away: a question that nobody waits for any more is dropped,
    /// and who comes later takes another flight.
    std::shared_ptr<Flight> board(TriggerRequest request, TriggerDone done, std::shared_ptr<Askers>& askers)
        EXCLUDES(_mutex);
    /// Ends the flight and answers everybody in it. Once.
    void land(Flight& flight, const TriggerAnswer& answer) EXCLUDES(_mutex);

private:
    Mutex _mutex;
    std::unordered_map<std::string, std::shared_ptr<Flight>> _flights GUARDED_BY(_mutex);
};

} // namespace usher
