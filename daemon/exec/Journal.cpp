#include "exec/Journal.h"

#include "exec/Files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace usher {

namespace {

constexpr std::size_t kBlock = 65'536;
constexpr std::size_t kTail = 262'144; ///< more than the longest line (Leader: kLongOutcome)

std::string readAt(int fd, std::int64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
        ssize_t n = ::pread(fd, text.data() + have, bytes - have,
                            static_cast<off_t>(offset + static_cast<std::int64_t>(have)));
        if (n <= 0) break;
        have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
}

} // namespace

void JournalWriter::add(const Json& entry) {
    _waiting += toText(entry) + "\n";
}

bool JournalWriter::flush() {
    if (!_file) _file = openBeneath(_folder, "journal", O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    if (!_file) return false;
    if (!writeAll(_file.get(), _waiting)) {
        const int error = errno;
        // Nothing useful can be done when even cutting it off fails: the reader skips a line it cannot parse.
        [[maybe_unused]] int cut = ::ftruncate(_file.get(), static_cast<off_t>(_size));
        errno = error;
        return false;
    }
    _size += static_cast<std::int64_t>(_waiting.size());
    _waiting.clear();
    return true;
}

bool JournalWriter::sync() {
    return flush() && ::fsync(_file.get()) == 0;
}

std::optional<Json> JournalLines::last(int attemptFolder) {
    UniqueFd file = openBeneath(attemptFolder, "journal", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0) return std::nullopt;
    const std::int64_t from = std::max<std::int64_t>(0, st.st_size - static_cast<std::int64_t>(kTail));
    const std::string tail = readAt(file.get(), from, kTail);
    const std::size_t end = tail.rfind('\n');
    if (end == std::string::npos || end == 0) return std::nullopt;
    const std::size_t before = tail.rfind('\n', end - 1);
    if (before == std::string::npos && from > 0) return std::nullopt;
    const std::size_t at = before == std::string::npos ? 0 : before + 1;
    auto parsed = parseJson(std::string_view(tail).substr(at, end - at));
    Json* entry = std::get_if<Json>(&parsed);
    return entry && entry->is_object() ? std::optional(std::move(*entry)) : std::nullopt;
}

std::vector<JournalLines::Line> JournalLines::read(int attemptFolder, std::int64_t offset,
                                                   std::size_t maxBytes) {
    std::vector<Line> lines;
    UniqueFd file = openBeneath(attemptFolder, "journal", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file || offset < 0) return lines;
    std::size_t taken = 0;
    std::string text;
    while (taken < maxBytes || lines.empty()) {
        std::string block = readAt(file.get(), offset + static_cast<std::int64_t>(text.size()), kBlock);
        text += block;
        std::size_t at = 0;
        for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
            if (taken >= maxBytes && !lines.empty()) return lines;
            auto parsed = parseJson(std::string_view(text).substr(at, end - at));
            std::int64_t behind = offset + static_cast<std::int64_t>(end) + 1;
            taken += end + 1 - at;
            if (Json* entry = std::get_if<Json>(&parsed); entry && entry->is_object())
                lines.push_back({std::move(*entry), behind});
        }
        text.erase(0, at);
        offset += static_cast<std::int64_t>(at);
        if (block.size() < kBlock || text.size() > (1u << 20)) break;
    }
    return lines;
}

std::vector<RunFiles::JournalEntry> readEntries(int attemptFolder, int attempt, std::int64_t offset,
                                                std::size_t maxBytes) {
    std::vector<RunFiles::JournalEntry> entries;
    std::map<int, UniqueFd> logs;
    std::size_t taken = 0;
    for (JournalLines::Line& line : JournalLines::read(attemptFolder, offset, maxBytes)) {
        if (taken >= maxBytes && !entries.empty()) break;
        const std::string type = line.entry.value("t", "");
        Json data = Json::object();
        if (type == "state") {
            data["status"] = line.entry.value("status", "");
        } else if (type == "result") {
            data["test"] = line.entry.value("test", 0);
            data["status"] = line.entry.value("status", "");
        } else if (type == "log") {
            int test = line.entry.value("test", 0);
            std::int64_t from = line.entry.value("off", std::int64_t{0}),
                         length = line.entry.value("len", std::int64_t{0});
            if (length < 0 || length > (16 << 20)) continue;
            UniqueFd& log = logs[test];
            if (!log)
                log = openBeneath(attemptFolder, "test-" + std::to_string(test) + ".log",
                                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
            data["test"] = test;
            data["text"] = log ? readAt(log.get(), from, static_cast<std::size_t>(length)) : std::string();
        } else {
            continue;
        }
        entries.push_back({std::to_string(attempt) + "-" + std::to_string(line.end), type, toText(data)});
        taken += entries.back().data.size();
    }
    return entries;
}

} // namespace usher
