#pragma once

#include "domain/Authenticator.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

namespace usher::bench {

using Ns = std::chrono::nanoseconds;

/// A trigger as a client sends it.
inline std::shared_ptr<AuthRequest>
question(std::chrono::milliseconds budget = std::chrono::milliseconds(1500)) {
    auto request = std::make_shared<AuthRequest>();
    request->requestId = "bench-0123456789abcdef";
    request->action = "job.trigger", request->method = "POST";
    request->resource = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";
    request->target = "/api/jobs/3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11/trigger";
    request->peerAddress = "127.0.0.1";
    request->headers = {
        {"Host", "localhost"}, {"Authorization", "Bearer " + std::string(64, 'k')}, {"Accept", "*/*"}};
    request->attributes = {{"job_id", request->resource}, {"client_address", "127.0.0.1"}};
    request->deadline = std::chrono::steady_clock::now() + budget;
    return request;
}

/// The value below which this part of them lies; they are put into another order.
inline Ns at(std::vector<Ns>& times, double part) {
    const auto index = static_cast<std::ptrdiff_t>(part * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + index, times.end());
    return times[static_cast<std::size_t>(index)];
}

} // namespace usher::bench
