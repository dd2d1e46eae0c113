#pragma once

#include "domain/Run.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// Replaces the values of secrets by *** in a stream of output, also when a value comes in several pieces:
/// what may be the beginning of one is held back until it is known. Of a value of several lines each line of
/// eight bytes or more counts as well. One stream at a time; not synchronised.
class SecretMask {
public:
    explicit SecretMask(const Environment& secrets);

    bool empty() const { return _values.empty(); }
    /// What can be shown now.
    std::string feed(std::string_view bytes);
    /// The rest; the next stream may begin.
    std::string finish();
    /// A text as a whole.
    std::string masked(std::string_view text) const;

private:
    /// Moves what is decided from `pending` to the result; `final`: nothing more will come.
    std::string advance(std::string& pending, bool final) const;

    std::vector<std::string> _values; ///< the longest first
    std::array<bool, 256> _first{};   ///< bytes that begin a value
    std::string _pending;
};

} // namespace usher
