#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace usher {

/// The part of an attempt's folder that its tests may enter: work (their current folder, with their scripts),
/// home, tmp, and for each test artifacts-N and results-N. With a test uid of its own, each folder belongs to
/// us and to the test's group, so that nobody else gets in, and is sticky, so that a test cannot replace what
/// we put there. We must be in that group. Belongs to the leader's loop; failures say what and why in
/// `problem`.
class Box {
public:
    Box(int attemptFolder, std::string attemptPath, std::optional<uid_t> uid);

    bool create(std::string& problem);
    bool writeScript(const std::string& name, std::string_view text, std::string& problem);
    bool makeTestFolders(int position, std::string& problem);
    /// Of "work", "tmp", … as the test names it.
    std::string path(const std::string& inside) const { return _path + "/" + inside; }
    int folder() const { return _folder.get(); }
    bool isEmpty(const std::string& inside) const;
    /// Removes it: what the tests made, under their uid. True when nothing is left.
    bool remove();

private:
    bool makeShared(const std::string& name, std::string& problem);
    bool share(int fd, mode_t shared, mode_t alone, const std::string& name, std::string& problem) const;

    int _attempt;
    std::string _path;
    std::optional<uid_t> _uid;
    UniqueFd _folder;
};

} // namespace usher
