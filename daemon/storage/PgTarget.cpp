#include "base/Text.h"
#include "storage/PgSessions.h"

#include <stdexcept>

namespace usher {

namespace {

std::string part(std::string_view encoded, const char* what) {
    const auto plain = percentDecode(encoded);
    // Poco splits its connection string at spaces and knows no quotes.
    if (!plain || plain->find_first_of(" \t\r\n'\"\\=") != std::string::npos ||
        plain->find('\0') != std::string::npos)
        throw std::invalid_argument(std::string("the database URL's ") + what +
                                    " must not contain spaces, quotes, backslashes or '='");
    return *plain;
}

} // namespace

PgTarget PgTarget::parse(const std::string& url, const std::string& password) {
    const std::string form = "write it as postgresql://user@host:port/name";
    std::string_view rest(url);
    for (std::string_view scheme : {"postgresql://", "postgres://"})
        if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
    PgTarget target;
    target.password = password;
    if (password.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos)
        throw std::invalid_argument("the database password must be one line");

    if (const std::size_t query = rest.find('?'); query != std::string_view::npos) {
        const std::string_view option = rest.substr(query + 1);
        if (!option.starts_with("host=/"))
            throw std::invalid_argument("the database URL may only have the option host=/socket/folder: " +
                                        form);
        target.host = part(option.substr(5), "host");
        rest = rest.substr(0, query);
    }
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash + 1 == rest.size())
        throw std::invalid_argument("the database URL names no database: " + form);
    target.name = part(rest.substr(slash + 1), "database name");
    std::string_view authority = rest.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    if (at == std::string_view::npos || at == 0)
        throw std::invalid_argument("the database URL names no user: " + form);
    if (authority.substr(0, at).find(':') != std::string_view::npos)
        throw std::invalid_argument("the database URL must not hold a password: put it into password_file");
    target.user = part(authority.substr(0, at), "user");
    authority.remove_prefix(at + 1);
    // [::1]:5432 or host:5432
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        const auto port = parseInteger(authority.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535)
            throw std::invalid_argument("the database URL's port is not a number from 1 to 65535: " + form);
        target.port = std::to_string(*port);
        authority = authority.substr(0, colon);
    }
    if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']')
        authority = authority.substr(1, authority.size() - 2);
    if (!authority.empty()) target.host = part(authority, "host");
    if (target.host.empty()) throw std::invalid_argument("the database URL names no host: " + form);
    return target;
}

} // namespace usher
