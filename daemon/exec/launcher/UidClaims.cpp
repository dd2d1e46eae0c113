#include "exec/launcher/UidClaims.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace usher {

namespace {

bool lockByte(int file, uid_t uid, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(uid);
    lock.l_len = 1;
    return ::fcntl(file, F_OFD_SETLK, &lock) == 0;
}

/// Nobody but root and the service's user can have made it, or hold what is in it.
UniqueFd openShared(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat info {};
    struct stat folder {};
    if (!file || ::fstat(file.get(), &info) != 0 ||
        ::stat(path.substr(0, path.rfind('/')).c_str(), &folder) != 0)
        return UniqueFd();
    // Made by root in the service's folder: the service must be able to open it, too.
    if (info.st_uid != folder.st_uid && ::geteuid() == 0)
        if (::fchown(file.get(), folder.st_uid, folder.st_gid) != 0) return UniqueFd();
    const bool trusted = info.st_uid == ::geteuid() || info.st_uid == 0 || info.st_uid == folder.st_uid;
    return trusted ? std::move(file) : UniqueFd();
}

} // namespace

UniqueFd openUidClaims() {
    // The first is the folder of the packaged service, the second that of a developer who is root.
    for (const char* path : {"/run/usher/uids.lock", "/run/usher-uids.lock"}) {
        UniqueFd file = openShared(path);
        // A launcher that has given up root for another user still may act as any, for it starts tests so.
        if (!file && ::geteuid() != 0) {
            ::setfsuid(0);
            file = openShared(path);
            ::setfsuid(::geteuid());
        }
        if (file) return file;
    }
    return UniqueFd();
}

bool claimUids(const UniqueFd& file, const std::vector<uid_t>& uids) {
    if (!file) return true;
    for (std::size_t i = 0; i < uids.size(); ++i) {
        if (lockByte(file.get(), uids[i], F_WRLCK)) continue;
        while (i > 0) lockByte(file.get(), uids[--i], F_UNLCK);
        return false;
    }
    return true;
}

} // namespace usher
