#include "session/PrivateFile.h"

#include "common/Text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace usher::session {

namespace {

/// Closes what it owns. (The daemon's UniqueFd is not for plugins.)
class Descriptor {
public:
    explicit Descriptor(int fd) : _fd(fd) {}
    ~Descriptor() {
        if (_fd >= 0) ::close(_fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return _fd; }

private:
    const int _fd;
};

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    throw std::system_error(errno, std::generic_category(), "cannot " + what + " " + path);
}

} // namespace

void writePrivateFile(const std::string& path, std::string_view content) {
    const std::string draft = path + ".new";
    // A draft can only be left over from a crash of our own; O_EXCL then makes sure that this one is fresh.
    if (::unlink(draft.c_str()) != 0 && errno != ENOENT) fail("remove", draft);
    const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) fail("create", draft);
    if (::fchmod(file.get(), 0600) != 0) fail("restrict", draft);
    while (!content.empty()) {
        const ssize_t written = ::write(file.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("write", draft);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) fail("write", draft);
    if (::rename(draft.c_str(), path.c_str()) != 0) fail("rename to", path);
    const Descriptor folder(
        ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) fail("sync the folder of", path);
}

std::optional<std::string> readPrivateFile(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.get() < 0) {
        if (errno == ENOENT) return std::nullopt;
        fail("open", path);
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) fail("read", path);
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
        throw std::runtime_error(path + " must be a plain file of the daemon's user with mode 0600");
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0) fail("read", path);
    return std::string(plugin::trim(std::string_view(buffer.data(), static_cast<std::size_t>(size))));
}

} // namespace usher::session
