#include "session/SetupToken.h"

#include "common/Crypto.h"
#include "common/Text.h"
#include "session/PrivateFile.h"

#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace usher::session {

namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

constexpr std::string_view kFind = "SELECT token_hash, node, done FROM setup WHERE id = 1";
constexpr std::string_view kLock = "SELECT s.done FROM setup s WHERE s.id = 1{lock s}";
constexpr std::string_view kInsert = R"(INSERT INTO setup (id, token_hash, node, created_at, done)
    VALUES (1, $1, $2, $3, {false}) ON CONFLICT (id) DO NOTHING)";
constexpr std::string_view kReplace = R"(UPDATE setup SET token_hash = $1, node = $2, created_at = $3
    WHERE id = 1 AND done = {false} AND token_hash = $4)";
constexpr std::string_view kFinish = R"(UPDATE setup SET done = {true}, token_hash = ''
    WHERE id = 1 AND done = {false} AND token_hash = $1 AND NOT EXISTS (SELECT 1 FROM {user}))";

std::string hashOf(const std::string& token) {
    return plugin::toHex(plugin::sha256(token));
}

} // namespace

SetupToken::SetupToken(plugin::Database& database, const Dialect& dialect, UserStore& users,
                       std::string directory, std::string node)
    : _database(database), _users(users), _file(directory + "/setup-token"), _draft(_file + ".offered"),
      _node(std::move(node)), _find(dialect.sql(kFind)), _insert(dialect.sql(kInsert)),
      _replace(dialect.sql(kReplace)), _finish(dialect.sql(kFinish)), _lock(dialect.sql(kLock)) {}

void SetupToken::prepare(plugin::Deadline deadline, const Report& report) {
    _report = report;
    try {
        makeToken(deadline, report);
    } catch (const std::system_error& error) {
        const int code = error.code().value();
        if (code != EACCES && code != EPERM && code != EROFS) throw;
        // In a process of its own the plugin may have a user of its own. Everything but this file works.
        report("no users yet, and this process may not write " + _file +
               ": make the setup token with `usherd setup-token`, as root or as the daemon's user");
    }
}

void SetupToken::makeToken(plugin::Deadline deadline, const Report& report) {
    bool users = false;
    std::string hash, node;
    bool row = false;
    const auto look = [&](plugin::Session& session) {
        users = _users.any(session);
        const plugin::Result rows = session.run(_find);
        row = !rows.empty();
        hash = row ? rows.text(0, 0) : std::string();
        node = row ? rows.text(0, 1) : std::string();
    };
    _database.read(deadline, look);
    if (users) return removeFiles();
    if (row && holds(_draft, hash)) { // a crash between the insert and the rename
        writePrivateFile(_file, readPrivateFile(_draft).value_or("") + "\n");
        ::unlink(_draft.c_str());
    }
    if (row && holds(_file, hash)) return report("no users yet: the setup token is in " + _file);
    if (row && _database.kind() == plugin::Database::Kind::postgres)
        return report("no users yet: the setup token is on the node " + node +
                      ", in its state folder; if it is lost, `usherd setup-token` makes another");

    // The file is on disk before the row is: a crash in between leaves a file that no row knows, and the next
    // start makes another. On SQLite nobody else can have the file, so a lost one is simply replaced.
    const std::string token = plugin::randomText(40, kAlphabet), now = std::to_string(plugin::nowMicros());
    writePrivateFile(_draft, token + "\n");
    bool mine = false;
    _database.write(deadline, [&](plugin::Session& session) {
        const auto done = row ? session.run(_replace, {hashOf(token), _node, now, hash})
                              : session.run(_insert, {hashOf(token), _node, now});
        mine = done.affected() > 0;
    });
    if (mine) {
        writePrivateFile(_file, token + "\n");
        ::unlink(_draft.c_str());
        return report("no users yet: the setup token is in " + _file);
    }
    ::unlink(_draft.c_str());
    _database.read(deadline, look);
    report("no users yet: the setup token is on the node " + node + ", in its state folder");
}

SetupToken::Outcome SetupToken::judge(plugin::Deadline deadline, const std::string& token) {
    Outcome outcome = Outcome::alreadyDone;
    _database.read(deadline, [&](plugin::Session& session) { outcome = judge(session, token); });
    if (outcome == Outcome::alreadyDone) removeFiles(); // perhaps the setup was done on another node
    return outcome;
}

SetupToken::Outcome SetupToken::judge(plugin::Session& session, const std::string& token) {
    const plugin::Result rows = session.run(_find);
    if (rows.empty() || rows.flag(0, 2, true) || _users.any(session)) return Outcome::alreadyDone;
    return plugin::equalsConstantTime(rows.text(0, 0), hashOf(token)) ? Outcome::done : Outcome::wrongToken;
}

SetupToken::Outcome SetupToken::redeem(plugin::Deadline deadline, const std::string& token,
                                       const UserStore::New& admin, User& created) {
    Outcome outcome = Outcome::alreadyDone;
    _database.write(deadline, [&](plugin::Session& session) {
        session.run(_lock);
        outcome = judge(session, token);
        if (outcome != Outcome::done) return;
        if (session.run(_finish, {hashOf(token)}).affected() == 0) {
            outcome = Outcome::alreadyDone;
            return;
        }
        created = _users.create(session, admin);
    });
    if (outcome != Outcome::wrongToken) removeFiles();
    return outcome;
}

bool SetupToken::holds(const std::string& path, const std::string& hash) const {
    try {
        const std::optional<std::string> token = readPrivateFile(path);
        return token && !token->empty() && hashOf(*token) == hash;
    } catch (const std::runtime_error&) {
        return false; // readable by others, or a link: not a secret any more
    }
}

void SetupToken::removeFiles() {
    ::unlink(_draft.c_str());
    if (::unlink(_file.c_str()) != 0 && errno != ENOENT && _report && !_told.exchange(true))
        _report("the setup token is used up, but this process may not remove " + _file);
}

} // namespace usher::session
