#include "SessionFixture.h"

#include <sys/stat.h>

#include <fstream>

namespace usher::test {

bool isPostgres(const std::string& url) {
    return url.rfind("postgres", 0) == 0;
}

std::string at(const std::string& url, long seconds) {
    const std::string n = std::to_string(seconds);
    return isPostgres(url) ? "now() + interval '" + n + " seconds'"
                           : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '" + n + " seconds')";
}

void addUser(const std::string& url, const std::string& id, const std::string& email,
             const std::string& role) {
    const std::string no = isPostgres(url) ? "false" : "0";
    execute(url, "INSERT INTO \"user\" (id, name, email, email_verified, role) VALUES ('" + id +
                     "', 'Name of " + id + "', '" + email + "', " + no + ", " +
                     (role.empty() ? "NULL" : "'" + role + "'") + ")");
    execute(url, "INSERT INTO account (id, account_id, provider_id, user_id, password) VALUES ('acc-" + id +
                     "', '" + id + "', 'credential', '" + id + "', '" + kStored + "')");
}

std::string fileText(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

Headers withCookie(const std::string& cookie) {
    return {{"Cookie", cookie}, {"Origin", kOrigin}};
}

Headers withBearer(const std::string& token) {
    return {{"Authorization", "Bearer " + token}};
}

} // namespace usher::test
