#pragma once

#include "base/UniqueFd.h"
#include "exec/Credentials.h"
#include "exec/RunSpec.h"
#include "exec/ShortName.h"

#include <memory>
#include <string>
#include <vector>

namespace usher {

/// What TMPDIR is for a run's tests; empty when they begin. With users of their own it is
/// `<runsDir>/uUID/tmp`, of the run's first user: kept from run to run and emptied after each, because nobody
/// else has that user meanwhile, and because making and removing a folder for every run costs. Without, it is
/// the box's own, under a short name (ShortName.h). Belongs to the leader's loop.
class Temporary {
public:
    /// `inBox`: the box's own folder.
    Temporary(std::string runsDir, std::vector<TestUser> users, std::string inBox);

    bool create(std::string& problem);
    const std::string& path() const { return _path; }
    /// Nothing of the run may be alive. True when nothing of it is left there.
    bool clear();

private:
    bool open();
    bool make(std::string& problem);
    void removeKept();
    std::string kept() const { return _runsDir + "/" + userFolder(_users[0].uid); }

    const std::string _runsDir;
    const std::vector<TestUser> _users;
    std::string _path;
    std::unique_ptr<ShortName> _name;
    UniqueFd _kept, _folder;
};

} // namespace usher
