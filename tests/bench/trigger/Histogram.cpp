#include "Histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bench {

namespace {

// Index of a value: the first 64 buckets are one nanosecond wide; each octave above has 64 buckets, twice as
// wide as those of the octave before.
std::size_t indexOf(std::uint64_t value) {
    if (value < 64) return value;
    int shift = static_cast<int>(std::bit_width(value)) - 7;
    return static_cast<std::size_t>(shift + 1) * 64 + static_cast<std::size_t>((value >> shift) - 64);
}

std::uint64_t upperEdge(std::size_t index) {
    if (index < 64) return index;
    std::size_t shift = index / 64 - 1;
    return ((index % 64 + 64 + 1) << shift) - 1;
}

} // namespace

void Histogram::record(std::int64_t nanoseconds) {
    nanoseconds = std::max<std::int64_t>(nanoseconds, 0);
    _maximum = std::max(_maximum, nanoseconds);
    ++_buckets[std::min(indexOf(static_cast<std::uint64_t>(nanoseconds)), _buckets.size() - 1)];
    ++_count;
}

void Histogram::add(const Histogram& other) {
    for (std::size_t i = 0; i < _buckets.size(); ++i) _buckets[i] += other._buckets[i];
    _count += other._count;
    _maximum = std::max(_maximum, other._maximum);
}

double Histogram::quantile(double share) const {
    if (_count == 0) return 0;
    auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(_count)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < _buckets.size(); ++i) {
        seen += _buckets[i];
        if (seen >= std::max<std::uint64_t>(wanted, 1))
            return static_cast<double>(
                       std::min<std::uint64_t>(upperEdge(i), static_cast<std::uint64_t>(_maximum))) /
                   1e6;
    }
    return maximum();
}

} // namespace bench
