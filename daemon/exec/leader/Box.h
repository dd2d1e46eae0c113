#pragma once

#include "base/UniqueFd.h"
#include "exec/Credentials.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace usher {

/// The part of an attempt's folder that its tests may enter: work (their current folder, with their scripts),
/// home, and for each test artifacts-N and results-N; tmp when they have no user of their own (Temporary.h).
/// With users of the tests' own, each folder belongs to us and to the run's group (artifacts-N and results-N
/// to the group of their test), so that nobody else gets in, and is sticky, so that a test cannot replace
/// what we put there. We must be in those groups. Belongs to the leader's loop; failures say what and why in
/// `problem`.
///
/// With one user the emptied box is kept for the next run under that uid, as `spare-UID` beside the runs:
/// making its folders and removing them again cost a third of a short run. It is kept only when nothing of
/// the user is alive and nothing of the run is left in it; the user can change neither owner nor mode of its
/// folders.
class Box {
public:
    /// `runsDir`: where boxes are kept; "": they are not.
    Box(int attemptFolder, std::string attemptPath, std::vector<TestUser> users, const std::string& runsDir);

    bool create(std::string& problem);
    bool writeScript(const std::string& name, std::string_view text, std::string& problem);
    bool makeTestFolders(int position, std::optional<TestUser> user, std::string& problem);
    const std::string& ownPath() const { return _path; }
    /// Of "work", "tmp", … as the test names it.
    std::string path(const std::string& inside) const { return _path + "/" + inside; }
    int folder() const { return _folder.get(); }
    bool isEmpty(const std::string& inside) const;
    /// Removes it, with what the tests made; or empties it and keeps it. True when nothing is left of the
    /// run.
    bool remove();

private:
    bool makeShared(const std::string& name, std::optional<gid_t> group, std::string& problem);
    std::optional<gid_t> runGroup() const;
    bool takeSpare();
    bool keepAsSpare();
    bool empty(const std::string& name);

    int _attempt;
    std::string _path;
    std::vector<TestUser> _users;
    std::string _spare; ///< where it is kept; "": nowhere
    bool _wasSpare = false;
    UniqueFd _folder;
};

} // namespace usher
