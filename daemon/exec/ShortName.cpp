#include "exec/ShortName.h"

#include "base/Text.h"
#include "base/UniqueFd.h"
#include "exec/Remains.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace usher {

ShortName::ShortName(const std::string& runsDir, std::string folder) : _folder(std::move(folder)) {
    for (int tries = 0; tries < 10 && _link.empty(); ++tries) {
        std::array<char, 6> random{};
        if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return;
        std::string name = runsDir + "/t" + toHex({random.data(), random.size()});
        if (::symlink(_folder.c_str(), name.c_str()) == 0)
            _link = std::move(name);
        else if (errno != EEXIST)
            return;
    }
}

ShortName::~ShortName() {
    if (!_link.empty()) ::unlink(_link.c_str());
}

void ShortName::sweep(const std::string& runsDir) {
    UniqueFd runs(::open(runsDir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!runs) return;
    for (const std::string& name : namesIn(runs.get())) {
        struct stat st {};
        if (name.size() != 13 || name[0] != 't' ||
            ::fstatat(runs.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(st.st_mode))
            continue;
        if (::fstatat(runs.get(), name.c_str(), &st, 0) != 0 && errno == ENOENT)
            ::unlinkat(runs.get(), name.c_str(), 0);
    }
}

} // namespace usher
