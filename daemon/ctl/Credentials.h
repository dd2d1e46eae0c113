#pragma once

#include <optional>
#include <string>

namespace usher::ctl {

/// Sign-ins of this person, one per server, in a file that only they can read (0600 in a folder 0700):
/// {"servers": {"http://127.0.0.1:8321": {"token": "ushs_…", "email": "…"}}}.
/// Replaced as a whole, so that a crash leaves the old file or the new one. Throws UsageError when the file
/// cannot be read or written, or when others may read it.
class Credentials {
public:
    explicit Credentials(std::string path) : _path(std::move(path)) {}
    const std::string& path() const { return _path; }

    struct SignIn {
        std::string token;
        std::string email;
    };
    std::optional<SignIn> find(const std::string& server) const;
    void save(const std::string& server, const SignIn& signIn) const;
    /// False when there was none.
    bool forget(const std::string& server) const;

private:
    std::string _path;
};

/// Writes a file that did not exist, readable by its owner only. Throws UsageError, also when the file
/// exists.
void writeSecretFile(const std::string& path, const std::string& text);

} // namespace usher::ctl
