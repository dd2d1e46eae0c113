#include "app/TriggerFlights.h"

namespace usher {

std::shared_ptr<TriggerFlights::Flight> TriggerFlights::board(TriggerRequest request, TriggerDone done,
                                                              std::shared_ptr<Askers>& askers) {
    auto flight = std::make_shared<Flight>();
    flight->askers = askers = request.question->askers;
    const TriggerBody* body = std::get_if<TriggerBody>(&request.body);
    std::optional<std::string> key = request.idempotencyKey;
    if (!key && body) key = body->idempotencyKey;
    if (key) {
        flight->key = request.jobId + '\n' + request.credentialDigest + '\n' + request.digest + '\n' + *key;
        Lock lock(_mutex);
        auto [it, first] = _flights.emplace(flight->key, flight);
        if (!first && it->second->askers && !it->second->askers->join()) {
            it->second = flight; // that one's question was dropped
            first = true;
        }
        it->second->passengers.push_back(std::move(done));
        askers = it->second->askers;
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
        if (auto it = _flights.find(flight.key); it != _flights.end() && it->second.get() == &flight)
            _flights.erase(it);
        passengers.swap(flight.passengers);
    }
    for (TriggerDone& done : passengers) done(answer);
}

} // namespace usher
