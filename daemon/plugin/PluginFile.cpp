#include "plugin/PluginFile.h"

#include "base/Text.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace usher {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw PluginRefused("cannot load plugin " + oneLine(path) + ": " + why);
}

[[noreturn]] void refuseErrno(const std::string& path, const std::string& what) {
    refuse(path, "cannot open " + oneLine(what) + ": " + std::strerror(errno));
}

/// Others could put their own code there?
void checkWriters(const std::string& path, const std::string& what, const struct stat& st) {
    if (st.st_uid != 0 && st.st_uid != ::geteuid())
        refuse(path, oneLine(what) + " belongs to user " + std::to_string(st.st_uid) +
                         ", who could replace the plugin: chown root " + oneLine(what));
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    if (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX)) return;
    char mode[16];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
    refuse(path, oneLine(what) + " is writable by others (mode " + mode + "): chmod go-w " + oneLine(what));
}

FileIdentity identityOf(const struct stat& st) {
    return {st.st_dev, st.st_ino, st.st_size,
            std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec};
}

} // namespace

TrustedFile openTrusted(const std::string& path) {
    if (path.empty() || path[0] != '/') refuse(path, "the path must be absolute");
    if (path.size() > 4095 || path.find('\0') != std::string::npos) refuse(path, "this is not a path");

    UniqueFd folder(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    if (!folder || ::fstat(folder.get(), &st) != 0) refuseErrno(path, "/");
    checkWriters(path, "/", st);

    std::vector<std::string> names;
    for (std::string& name : split(path, '/')) {
        if (name.empty() || name == ".") continue;
        if (name == "..") refuse(path, "the path must not contain ..");
        names.push_back(std::move(name));
    }
    if (names.empty()) refuse(path, "this is a folder");

    std::string walked;
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
        walked += "/" + names[i];
        UniqueFd next(::openat(folder.get(), names[i].c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        if (!next || ::fstat(next.get(), &st) != 0) refuseErrno(path, walked);
        if (S_ISLNK(st.st_mode)) refuse(path, oneLine(walked) + " is a symbolic link: give the real path");
        if (!S_ISDIR(st.st_mode)) refuse(path, oneLine(walked) + " is no folder");
        checkWriters(path, walked, st);
        folder = std::move(next);
    }

    // O_NONBLOCK: a FIFO in that place must not hold us.
    TrustedFile file;
    file.fd.reset(::openat(folder.get(), names.back().c_str(),
                           O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file.fd && errno == ELOOP) refuse(path, "it is a symbolic link: give the path of the file itself");
    if (!file.fd || ::fstat(file.fd.get(), &st) != 0) refuseErrno(path, path);
    if (!S_ISREG(st.st_mode)) refuse(path, "it is no regular file");
    checkWriters(path, path, st);
    file.identity = identityOf(st);
    return file;
}

FileIdentity identityAt(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return {};
    return identityOf(st);
}

} // namespace usher
