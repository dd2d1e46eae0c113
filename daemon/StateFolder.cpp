#include "StateFolder.h"

#include "base/Text.h"
#include "base/Uuid.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace usher {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    throw std::runtime_error(what + " " + path + ": " + std::strerror(errno));
}

} // namespace

void StateFolder::create(const std::string& path) {
    if (::mkdir(path.c_str(), 0711) != 0 && errno != EEXIST) fail("cannot make the state folder", path);
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) fail("cannot read the state folder", path);
    if (!S_ISDIR(info.st_mode)) throw std::runtime_error("state_dir is not a folder: " + path);
}

StateFolder::StateFolder(std::string path) : _path(std::move(path)) {
    std::string file = _path + "/usherd.lock";
    _lock.reset(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!_lock) fail("cannot open", file);
    if (::flock(_lock.get(), LOCK_EX | LOCK_NB) != 0)
        throw std::runtime_error("another usherd works on " + _path + "; stop it, or set another state_dir");
}

std::string StateFolder::nodeId() const {
    std::string file = _path + "/node-id";
    if (auto text = readFile(file, 100))
        if (auto id = parseUuid(trim(*text))) return *id;
    std::string id = createUuid(), temporary = file + ".new";
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    std::string line = id + "\n";
    if (!fd || ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        ::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0)
        fail("cannot write", file);
    return id;
}

std::string hostName() {
    char name[256] = "";
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

} // namespace usher
