#pragma once

#include <usher/auth.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// For the duration of a call only: the bytes stay the caller's.
inline usher_str toC(std::string_view text) {
    return {text.data(), text.size()};
}

/// Nothing when it is longer than `limit` or has a size and no data.
inline std::optional<std::string_view> readText(usher_str text, std::size_t limit) {
    if (text.size == 0) return std::string_view();
    if (!text.data || text.size > limit) return std::nullopt;
    return std::string_view(text.data, text.size);
}

/// A zero-filled copy of a struct that begins with its `size`: members past that size are not read. Nothing
/// for NULL and for a struct that does not even reach `required` bytes.
template <class T>
std::optional<T> copySized(const T* raw, std::size_t required) {
    if (!raw) return std::nullopt;
    const std::size_t size = std::min<std::size_t>(raw->size, sizeof(T));
    if (size < required) return std::nullopt;
    T copy{};
    std::memcpy(static_cast<void*>(&copy), raw, size);
    return copy;
}

} // namespace usher
