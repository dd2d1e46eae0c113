#pragma once

#include <unistd.h>

#include <utility>

namespace usher {

/// Owns one file descriptor and closes it. Move-only; -1 means "none". Open descriptors close-on-exec: the
/// daemon starts other programs. Not synchronised.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : _fd(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : _fd(std::exchange(other._fd, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(std::exchange(other._fd, -1));
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const { return _fd; }
    explicit operator bool() const { return _fd >= 0; }
    /// Gives the descriptor away; the caller closes it.
    int release() { return std::exchange(_fd, -1); }
    void reset(int fd = -1) {
        int old = std::exchange(_fd, fd);
        if (old >= 0) ::close(old);
    }

private:
    int _fd = -1;
};

} // namespace usher
