#pragma once

#include "common/Database.h"
#include "session/Dialect.h"
#include "session/Roles.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace usher::session {

struct User {
    std::string id, name, email;
    bool emailVerified = false;
    std::optional<std::string> image;
    Role role = Role::viewer;
    bool banned = false; ///< now: a ban that is over does not count
    std::optional<std::string> banReason;
    std::int64_t createdAt = 0, updatedAt = 0; ///< microseconds since 1970
};

/// The columns of a user with the alias u, in the order that readUser() wants them, from column `first` on.
std::string_view userColumns();
User readUser(const plugin::Result& rows, std::size_t row, std::size_t first = 0);
/// Is the user u banned at this moment? An expression for the stores' WHERE.
std::string_view bannedNow();

/// The tables user and account. Throws DatabaseUnavailable. [any-thread]
class UserStore {
public:
    UserStore(plugin::Database& database, const Dialect& dialect);

    struct WithPassword {
        User user;
        std::optional<std::string> passwordHash; ///< nothing: signs in elsewhere only
    };
    struct New {
        std::string email, name, passwordHash;
        Role role = Role::viewer;
    };
    struct Change {
        std::optional<std::string> name, passwordHash;
        std::optional<Role> role;
        std::optional<bool> banned;
    };
    enum class Outcome { done, notFound, lastAdmin };

    std::optional<WithPassword> findByEmail(plugin::Deadline deadline, const std::string& lowerCaseEmail);
    /// By e-mail, those after `afterEmail`.
    std::vector<User> list(plugin::Deadline deadline, const std::string& afterEmail, std::size_t limit);
    /// Nothing when the e-mail is taken.
    std::optional<User> create(plugin::Deadline deadline, const New& user);
    /// Inside the caller's transaction. Throws ConstraintViolation when the e-mail is taken.
    User create(plugin::Session& session, const New& user);
    /// A ban or a new password ends the user's sessions in the same transaction. No change ever leaves the
    /// system without an admin who may sign in, however many run at once.
    Outcome change(plugin::Deadline deadline, const std::string& id, const Change& change, User& after);
    bool any(plugin::Session& session);

private:
    plugin::Database& _database;
    const std::string _find, _get, _list, _insertUser, _insertAccount, _lockAdmins, _change, _updatePassword,
        _dropSessions, _any;
};

} // namespace usher::session
