#pragma once

#include "http/HeadScan.h"

#include <string>

namespace usher::test {

/// The status with which the rules refuse a head, 0 when they accept it, -1 when it is not complete.
inline int judge(const std::string& bytes, const HeadLimits& limits = {}) {
    HeadScan scan(limits);
    const auto state = scan.scan(bytes);
    if (state == HeadScan::State::Incomplete) return -1;
    if (state == HeadScan::State::Refused) return scan.refusal().status;
    RequestHead head;
    const std::string_view view = std::string_view(bytes).substr(scan.begin(), scan.end() - scan.begin());
    if (auto refusal = readHead(view, head)) return refusal->status;
    const auto plan = judgeHead(head);
    const auto* refusal = std::get_if<FramingFault>(&plan);
    return refusal ? refusal->status : 0;
}

/// The same with the bytes arriving one by one, which must never make a difference.
inline int judgeSlowly(const std::string& bytes, const HeadLimits& limits = {}) {
    HeadScan scan(limits);
    for (std::size_t end = 1; end <= bytes.size(); ++end) {
        const auto state = scan.scan(std::string_view(bytes).substr(0, end));
        if (state == HeadScan::State::Refused) return scan.refusal().status;
        if (state == HeadScan::State::Complete) return judge(bytes.substr(0, end), limits);
    }
    return -1;
}

} // namespace usher::test
