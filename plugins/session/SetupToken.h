#pragma once

#include "common/Database.h"
#include "session/UserStore.h"

#include <atomic>
#include <functional>
#include <string>

namespace usher::session {

/// The way to the first admin: while there are no users, a file `setup-token` (0600) in the daemon's state
/// folder holds a one-time token, and one row of the table setup its SHA-256. Of several nodes the one that
/// inserts the row has the file. [any-thread], but prepare() before everything else.
class SetupToken {
public:
    using Report = std::function<void(const std::string& line)>;
    enum class Outcome { done, wrongToken, alreadyDone };

    /// `directory`: without a trailing slash; `node`: how an operator calls this machine.
    SetupToken(plugin::Database& database, const Dialect& dialect, UserStore& users, std::string directory,
               std::string node);

    /// Makes the token if there is need of one, and tells the operator where it is (never what it is), or how
    /// to make it where this process may not write. Throws DatabaseUnavailable, or std::system_error when the
    /// file cannot be written for another reason.
    void prepare(plugin::Deadline deadline, const Report& report);
    /// What redeem() would say of `token` now: costs no password hash.
    Outcome judge(plugin::Deadline deadline, const std::string& token);
    /// Makes the first admin, once, however many ask at the same time; then the file is gone.
    Outcome redeem(plugin::Deadline deadline, const std::string& token, const UserStore::New& admin,
                   User& created);

private:
    Outcome judge(plugin::Session& session, const std::string& token);
    void makeToken(plugin::Deadline deadline, const Report& report);
    bool holds(const std::string& path, const std::string& hash) const;
    void removeFiles();

    plugin::Database& _database;
    UserStore& _users;
    const std::string _file, _draft, _node;
    const std::string _find, _insert, _replace, _finish, _lock;
    Report _report; ///< of prepare()
    std::atomic<bool> _told{false};
};

} // namespace usher::session
