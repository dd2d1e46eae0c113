#include "app/TriggerFlights.h"

namespace usher {

std::shared_ptr<TriggerFlights::Flight> TriggerFlights::board(TriggerRequest request, TriggerDone done) {
    auto flight = std::make_shared<Flight>();
    const TriggerBody* body = std::get_if<TriggerBody>(&request.body);
    std::optional<std::string> key = request.idempotencyKey;
    if (!key && body) key = body->idempotencyKey;
    if (key) {
        flight->key = request.jobId + '\n' + request.credentialDigest + '\n' + request.digest + '\n' + *key;
        Lock lock(_mutex);
        auto [it, first] = _flights.emplace(flight->key, flight);
        it->second->passengers.push_back(std::move(done));
        if (!first) return nullptr;
    } else {
        flight->passengers.push_back(std::move(done));
    }
    flight->request = std::move(request);
    return flight;
}

void TriggerFlights::land(Flight& flight, const TriggerAnswer& answer) {
    std::vector<TriggerDone> passengers;
    if (flight.key.empty()) {
        passengers.swap(flight.passengers);
    } else {
        Lock lock(_mutex);
        _flights.erase(flight.key);
        passengers.swap(flight.passengers);
    }
    for (TriggerDone& done : passengers) done(answer);
}

} // namespace usher
