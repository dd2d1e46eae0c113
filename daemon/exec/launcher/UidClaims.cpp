#include "exec/launcher/UidClaims.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

} // namespace

UniqueFd openUidClaims() {
    // The first is the folder of the packaged service, the second that of a developer who is root.
    for (const char* path : {"/run/usher/uids.lock", "/run/usher-uids.lock"}) {
        UniqueFd file(::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        struct stat info {};
        if (file && ::fstat(file.get(), &info) == 0 && info.st_uid == ::geteuid()) return file;
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
