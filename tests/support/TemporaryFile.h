#pragma once

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

namespace usher::test {

/// A file with this text, for as long as this lives.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& text) {
        const int fd = ::mkstemp(_path);
        if (fd < 0) throw std::runtime_error("mkstemp failed");
        ::close(fd);
        std::ofstream(_path) << text;
    }
    ~TemporaryFile() { ::unlink(_path); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    std::string path() const { return _path; }

private:
    char _path[32] = "/tmp/usher-test-XXXXXX";
};

} // namespace usher::test
