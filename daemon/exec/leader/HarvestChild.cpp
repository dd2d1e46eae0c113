#include "exec/leader/HarvestChild.h"

#include "base/Json.h"
#include "base/Text.h"
#include "base/UniqueFd.h"
#include "exec/Files.h"
#include "exec/JUnitReport.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <memory>
#include <vector>

namespace usher {

namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxEntries = 100'000;
constexpr std::size_t kMaxReport = 16u << 20;
constexpr int kMaxReports = 100;
constexpr std::size_t kMaxDetails = 1u << 20; // of all cases together; the first have theirs

const char* kindOf(mode_t mode) {
    if (S_ISLNK(mode)) return "is a symbolic link";
    if (S_ISFIFO(mode)) return "is a FIFO";
    if (S_ISSOCK(mode)) return "is a socket";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "is a device";
    return "is not a regular file";
}

class HarvestChild {
public:
    HarvestChild(int pipe, std::int64_t bytes, int files)
        : _pipe(pipe), _bytesLeft(bytes), _filesLeft(files) {}

    void sendArtifacts(int folder) {
        walk(folder, "", 0, [&](const std::string& path) { sendFile(folder, path); });
    }

    void sendResults(int folder) {
        std::vector<TestCase> cases;
        int reports = 0;
        walk(folder, "", 0, [&](const std::string& path) {
            if (path.size() < 4 || path.substr(path.size() - 4) != ".xml" || ++reports > kMaxReports) return;
            auto text = readBeneath(folder, path, kMaxReport);
            std::string problem = "cannot be read, or is larger than 16 MiB";
            if (!text || !readJUnit(*text, cases, problem)) note("results: " + path + ": " + problem);
        });
        std::size_t details = 0;
        for (TestCase& one : cases)
            if ((details += one.details.size()) > kMaxDetails) one.details.clear();
        Json json = toJson(cases);
        // The line must fit what the other side takes; the last cases are the first to go.
        for (std::size_t i = cases.size(); i-- > 0 && toText(json).size() > (3u << 20);) {
            json.erase(json.begin() + static_cast<std::ptrdiff_t>(i / 2), json.end());
            i = i / 2;
        }
        send({{"cases", std::move(json)}});
    }

    void sendEnd() { send({{"end", true}}); }

private:
    void send(const Json& json) {
        if (!writeAll(_pipe, toText(json) + "\n")) ::_exit(1);
    }
    void note(const std::string& text) { send({{"note", text}}); }

    void walk(int root, const std::string& prefix, int depth,
              const std::function<void(const std::string&)>& onFile) {
        UniqueFd fd = openBeneath(root, prefix.empty() ? "." : prefix, O_RDONLY | O_DIRECTORY);
        std::unique_ptr<DIR, int (*)(DIR*)> dir(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
        if (!dir) return note("left out: " + prefix + ": cannot be opened");
        int folder = fd.release();
        std::vector<std::string> names;
        while (dirent* entry = ::readdir(dir.get())) {
            std::string name = entry->d_name;
            if (name == "." || name == "..") continue;
            if (++_entries > kMaxEntries) break;
            names.push_back(std::move(name));
        }
        std::sort(names.begin(), names.end());
        for (const std::string& name : names) {
            std::string path = prefix.empty() ? name : prefix + "/" + name;
            struct stat st {};
            if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
            if (!isArtifactPath(path))
                note("left out: " + path + ": its name is not plain UTF-8 or too long");
            else if (S_ISREG(st.st_mode))
                onFile(path);
            else if (!S_ISDIR(st.st_mode))
                note("left out: " + path + ": " + kindOf(st.st_mode));
            else if (depth >= kMaxDepth)
                note("left out: " + path + ": nested too deep");
            else
                walk(root, path, depth + 1, onFile);
        }
    }

    void sendFile(int root, const std::string& path) {
        UniqueFd file = openBeneath(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        struct stat st {};
        if (!file || ::fstat(file.get(), &st) != 0) return note("left out: " + path + ": cannot be opened");
        if (!S_ISREG(st.st_mode)) return note("left out: " + path + ": " + kindOf(st.st_mode));
        if (st.st_nlink != 1) return note("left out: " + path + ": is a hard link");
        if (_filesLeft <= 0) return note("left out: " + path + ": too many artifacts");
        if (st.st_size > _bytesLeft) return note("left out: " + path + ": the artifacts are too large");
        --_filesLeft;
        _bytesLeft -= st.st_size;
        send({{"file", path}, {"bytes", static_cast<std::int64_t>(st.st_size)}});
        std::array<char, 65536> block{};
        for (std::int64_t left = st.st_size; left > 0;) {
            auto want = static_cast<std::size_t>(
                std::min<std::int64_t>(left, static_cast<std::int64_t>(block.size())));
            ssize_t n = ::read(file.get(), block.data(), want);
            if (n <= 0) { // it was announced with that size
                block.fill(0);
                n = static_cast<ssize_t>(want);
            }
            if (!writeAll(_pipe, {block.data(), static_cast<std::size_t>(n)})) ::_exit(1);
            left -= n;
        }
    }

    int _pipe;
    std::int64_t _bytesLeft;
    int _filesLeft;
    int _entries = 0;
};

} // namespace

void runHarvestChild(int box, int position, std::optional<TestUser> user, int pipe, std::int64_t bytesLeft,
                     int filesLeft) {
    ::signal(SIGPIPE, SIG_IGN);
    if (user && !becomeUser(*user)) ::_exit(1);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string number = std::to_string(position);
    HarvestChild child(pipe, bytesLeft, filesLeft);
    if (UniqueFd artifacts = openBeneath(box, "artifacts-" + number, O_RDONLY | O_DIRECTORY))
        child.sendArtifacts(artifacts.get());
    if (UniqueFd results = openBeneath(box, "results-" + number, O_RDONLY | O_DIRECTORY))
        child.sendResults(results.get());
    child.sendEnd();
    ::_exit(0);
}

} // namespace usher
