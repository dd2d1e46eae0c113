#pragma once

#include "base/Json.h"
#include "ctl/Client.h"
#include "ctl/Command.h"
#include "ctl/Credentials.h"
#include "ctl/Io.h"

#include <cstdint>
#include <optional>
#include <string>

namespace usher::ctl {

/// What a running command has at hand: its command line, the server, the person's sign-in, the terminal.
/// Lives for one command. [main]
class Context {
public:
    Context(Io& io, Invocation invocation);

    Io& io() { return _io; }
    bool json() const { return has("json"); }

    const std::string& argument(std::size_t index) const { return _invocation.arguments.at(index); }
    std::size_t argumentCount() const { return _invocation.arguments.size(); }
    bool has(std::string_view name) const { return _invocation.has(name); }
    std::optional<std::string> find(std::string_view name) const { return _invocation.find(name); }
    std::vector<std::string> all(std::string_view name) const { return _invocation.all(name); }
    /// Throws UsageError when it was not given.
    std::string required(std::string_view name) const;
    /// Throws UsageError for anything but a whole number in the range.
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t minimum,
                                        std::int64_t maximum) const;

    /// The server, as a stranger.
    Client& anonymous();
    /// The server, as the person who signed in. Throws UsageError when nobody did.
    Client& client();
    const Credentials& credentials() const { return _credentials; }

    /// A password from standard input (--password-stdin) or asked for on the terminal. Throws UsageError.
    std::string password(const std::string& prompt);
    /// One line of standard input, without its end. Throws UsageError when it is empty.
    std::string secretFromInput(const std::string& what);
    /// The first line of a file. Throws UsageError.
    static std::string secretFromFile(const std::string& path, const std::string& what);

    /// With --json prints the answer; otherwise the text. Returns 0.
    int print(const Json& answer, const std::string& text);

    /// The id behind an id or a name (title) that exactly one job (test) has. Throws UsageError.
    std::string jobId(const std::string& idOrName);
    std::string testId(const std::string& idOrTitle);
    /// Every item of a list that comes in pages: /api/jobs, member "jobs".
    Json allPages(const std::string& path, const std::string& member, std::size_t limit = 100'000);

private:
    std::string idByName(const std::string& idOrName, const std::string& noun, const std::string& field);

    Io& _io;
    Invocation _invocation;
    Client _client;
    Credentials _credentials;
    bool _warned = false;
};

/// Members of answers, read so that a missing or null one is harmless: the server may be newer or older than
/// we are.
std::string textOf(const Json& json, const char* name);
std::int64_t numberOf(const Json& json, const char* name);
bool flagOf(const Json& json, const char* name);
const Json& memberOf(const Json& json, const char* name);
/// "2026-01-31T12:00:00.000Z" as "2026-01-31 12:00:00"; "-" for none.
std::string timeOf(const Json& json, const char* name);

} // namespace usher::ctl
