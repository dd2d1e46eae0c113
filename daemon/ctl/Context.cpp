#include "ctl/Context.h"

#include "base/Text.h"
#include "base/Uuid.h"
#include "ctl/TerminalText.h"

#include <algorithm>
#include <utility>

namespace usher::ctl {

namespace {

std::string serverOf(const Io& io, const Invocation& invocation) {
    if (auto named = invocation.find("server")) return *named;
    auto fromEnvironment = io.environment("USHER_SERVER");
    return fromEnvironment && !fromEnvironment->empty() ? *fromEnvironment : "http://127.0.0.1:8321";
}

std::string credentialsPath(const Io& io) {
    auto config = io.environment("XDG_CONFIG_HOME");
    if (config && config->rfind('/', 0) == 0) return *config + "/usher/credentials.json";
    auto home = io.environment("HOME");
    return (home && !home->empty() ? *home : ".") + "/.config/usher/credentials.json";
}

} // namespace

Context::Context(Io& io, Invocation invocation)
    : _io(io), _invocation(std::move(invocation)),
      _client(serverOf(io, _invocation), _invocation.find("ca-file").value_or("")),
      _credentials(credentialsPath(io)) {}

std::string Context::required(std::string_view name) const {
    std::optional<std::string> value = find(name);
    if (!value || value->empty())
        throw UsageError("--" + std::string(name) + " is missing",
                         "usherctl " + _invocation.command->name + " --help");
    return *value;
}

std::optional<std::int64_t> Context::integer(std::string_view name, std::int64_t minimum,
                                             std::int64_t maximum) const {
    std::optional<std::string> text = find(name);
    if (!text) return std::nullopt;
    std::optional<std::int64_t> number = parseInteger(*text);
    if (!number || *number < minimum || *number > maximum)
        throw UsageError("--" + std::string(name) + ": not a whole number from " + std::to_string(minimum) +
                         " to " + std::to_string(maximum) + ": " + oneLine(*text, 40));
    return number;
}

Client& Context::anonymous() {
    if (_client.isInTheClear() && !std::exchange(_warned, true))
        _io.err << "warning: " << _client.url() << " is not https: what is sent can be read on the way\n";
    return _client;
}

Client& Context::client() {
    std::optional<Credentials::SignIn> signIn = _credentials.find(_client.url());
    if (!signIn)
        throw UsageError("nobody is signed in to " + _client.url(),
                         "usherctl sign-in --email you@example.org");
    _client.authorise(signIn->token);
    return anonymous();
}

std::string Context::password(const std::string& prompt) {
    if (has("password-stdin")) return secretFromInput("password");
    std::optional<std::string> typed;
    if (_io.inIsTerminal) typed = _io.askSecret(prompt);
    if (!typed)
        throw UsageError("there is no terminal to ask for the password on", "give it with --password-stdin");
    if (typed->empty()) throw UsageError("the password is empty");
    return *typed;
}

std::string Context::secretFromInput(const std::string& what) {
    std::string line;
    std::getline(_io.in, line);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) throw UsageError("standard input holds no " + what);
    return line;
}

std::string Context::secretFromFile(const std::string& path, const std::string& what) {
    std::optional<std::string> text = readFile(path, 64 * 1024);
    if (!text) throw UsageError("cannot read the " + what + " from " + path);
    std::string line = text->substr(0, text->find('\n'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) throw UsageError(path + " holds no " + what);
    return line;
}

int Context::print(const Json& answer, const std::string& text) {
    if (json())
        _io.out << toText(answer) << "\n";
    else
        _io.out << text;
    return 0;
}

Json Context::allPages(const std::string& path, const std::string& member, std::size_t limit) {
    Json all = Json::array();
    std::string cursor;
    // Bounded: a server that always names a next page must not hold us for ever.
    for (int page = 0; page < 1000 && all.size() < limit; ++page) {
        std::string target =
            withQuery(path, "limit", std::to_string(std::min<std::size_t>(200, limit - all.size())));
        if (!cursor.empty()) target = withQuery(target, "cursor", cursor);
        Json answer = _client.get(target);
        for (const Json& item : memberOf(answer, member.c_str())) all.push_back(item);
        cursor = textOf(answer, "nextCursor");
        if (cursor.empty()) break;
    }
    return all;
}

std::string Context::idByName(const std::string& idOrName, const std::string& noun,
                              const std::string& field) {
    if (std::optional<std::string> id = parseUuid(idOrName)) return *id;
    client();
    std::vector<std::string> found;
    for (const Json& item : allPages("/api/" + noun + "s", noun + "s"))
        if (textOf(item, field.c_str()) == idOrName) found.push_back(textOf(item, "id"));
    if (found.empty())
        throw UsageError("there is no " + noun + " with this " + field + ": " + harmless(idOrName),
                         "usherctl " + noun + " list shows what there is");
    if (found.size() > 1) {
        std::string ids;
        for (const std::string& id : found) ids += "\n      " + id;
        throw UsageError(std::to_string(found.size()) + " " + noun + "s have the " + field + " " +
                             harmless(idOrName),
                         "give the id of one of them:" + ids);
    }
    return found[0];
}

std::string Context::jobId(const std::string& idOrName) {
    return idByName(idOrName, "job", "name");
}
std::string Context::testId(const std::string& idOrTitle) {
    return idByName(idOrTitle, "test", "title");
}

const Json& memberOf(const Json& json, const char* name) {
    static const Json none;
    if (!json.is_object()) return none;
    auto found = json.find(name);
    return found == json.end() ? none : *found;
}

std::string textOf(const Json& json, const char* name) {
    const Json& member = memberOf(json, name);
    return member.is_string() ? member.get<std::string>() : "";
}

std::int64_t numberOf(const Json& json, const char* name) {
    const Json& member = memberOf(json, name);
    return member.is_number() ? member.get<std::int64_t>() : 0;
}

bool flagOf(const Json& json, const char* name) {
    const Json& member = memberOf(json, name);
    return member.is_boolean() && member.get<bool>();
}

std::string timeOf(const Json& json, const char* name) {
    std::string time = textOf(json, name);
    if (time.size() < 19) return time.empty() ? "-" : time;
    return time.substr(0, 10) + " " + time.substr(11, 8);
}

} // namespace usher::ctl
