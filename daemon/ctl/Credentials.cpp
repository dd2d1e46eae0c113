#include "ctl/Credentials.h"

#include "base/Json.h"
#include "base/Text.h"
#include "base/UniqueFd.h"
#include "ctl/Command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace usher::ctl {

namespace {

void writeAll(int fd, const std::string& text, const std::string& path) {
    std::size_t written = 0;
    while (written < text.size()) {
        ssize_t n = ::write(fd, text.data() + written, text.size() - written);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw UsageError("cannot write " + path + ": " + std::strerror(errno));
        written += static_cast<std::size_t>(n);
    }
}

Json load(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return Json::object();
        throw UsageError("cannot open " + path + ": " + std::strerror(errno));
    }
    if ((info.st_mode & 077) != 0)
        throw UsageError(path + " can be read by others, so its sign-ins are no secrets",
                         "chmod 600 " + path + ", then sign out and in again");
    std::optional<std::string> text = readFile(path, 1u << 20);
    if (!text) throw UsageError("cannot read " + path);
    auto parsed = parseJson(*text);
    Json* json = std::get_if<Json>(&parsed);
    if (json == nullptr || !json->is_object())
        throw UsageError(path + " is damaged", "delete it and sign in again");
    return std::move(*json);
}

void store(const std::string& path, const Json& json) {
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::error_code failed;
    if (!folder.empty() && std::filesystem::create_directories(folder, failed))
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
    std::string temporary = path + "." + std::to_string(::getpid());
    ::unlink(temporary.c_str());
    try {
        writeSecretFile(temporary, toText(json) + "\n");
        if (::rename(temporary.c_str(), path.c_str()) != 0)
            throw UsageError("cannot write " + path + ": " + std::strerror(errno));
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
}

} // namespace

void writeSecretFile(const std::string& path, const std::string& text) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd)
        throw UsageError("cannot write " + path + ": " + std::strerror(errno),
                         errno == EEXIST ? "choose another file, or delete that one first" : "");
    ::fchmod(fd.get(), 0600); // a umask may have taken the owner's own bits
    writeAll(fd.get(), text, path);
    if (::fsync(fd.get()) != 0) throw UsageError("cannot write " + path + ": " + std::strerror(errno));
}

std::optional<Credentials::SignIn> Credentials::find(const std::string& server) const {
    Json all = load(_path);
    const Json& servers = all.contains("servers") ? all["servers"] : Json::object();
    if (!servers.is_object() || !servers.contains(server)) return std::nullopt;
    const Json& entry = servers[server];
    if (!entry.is_object() || !entry.contains("token") || !entry["token"].is_string()) return std::nullopt;
    return SignIn{entry["token"], entry.value("email", "")};
}

void Credentials::save(const std::string& server, const SignIn& signIn) const {
    Json all = load(_path);
    if (!all.contains("servers") || !all["servers"].is_object()) all["servers"] = Json::object();
    all["servers"][server] = {{"token", signIn.token}, {"email", signIn.email}};
    store(_path, all);
}

bool Credentials::forget(const std::string& server) const {
    Json all = load(_path);
    if (!all.contains("servers") || !all["servers"].is_object() || all["servers"].erase(server) == 0)
        return false;
    store(_path, all);
    return true;
}

} // namespace usher::ctl
