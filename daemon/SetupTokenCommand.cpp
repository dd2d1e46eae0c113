#include "SetupTokenCommand.h"

#include "base/Digest.h"
#include "base/Random.h"
#include "base/Text.h"
#include "base/UniqueFd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace usher {

namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    throw std::runtime_error("cannot " + what + " " + path + ": " + std::strerror(errno));
}

void writeSecret(const std::string& path, const std::string& text) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("remove", path);
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) fail("create", path);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0)
        fail("write", path);
}

} // namespace

std::string replaceSetupToken(const Config& config, NodeStore& store, const std::string& nodeName) {
    // The names that the session plugin uses. The draft is on disk before the row is: after a crash in
    // between the daemon's next start finds it there.
    const std::string file = config.stateDir + "/setup-token", draft = file + ".offered";
    const std::string token = randomText(40, kAlphabet);
    SystemClock clock;
    writeSecret(draft, token + "\n");
    NodeStore::SetupChange change = NodeStore::SetupChange::noTable;
    try {
        change = store.replaceSetupToken(toHex(sha256(token)), nodeName, clock.now());
    } catch (...) {
        ::unlink(draft.c_str());
        throw;
    }
    if (change == NodeStore::SetupChange::replaced) {
        if (::rename(draft.c_str(), file.c_str()) != 0) fail("rename to", file);
        store.appendAudit({{clock.now(), "operator", "setup.update", "", "allowed", "", "", "",
                            "a new setup token on the node " + nodeName}});
        return file;
    }
    ::unlink(draft.c_str());
    if (change == NodeStore::SetupChange::setupDone)
        throw std::runtime_error(
            "no setup token is needed: there are users already, and an admin among them; "
            "sign in, or let an admin set a new password (usherctl user passwd)");
    throw std::runtime_error(
        "the database has no users' table yet: start usherd once, it makes the token itself");
}

} // namespace usher
