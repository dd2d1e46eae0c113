#include "exec/leader/Harvest.h"

#include "base/Json.h"
#include "base/Text.h"
#include "exec/Files.h"
#include "exec/leader/HarvestChild.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kMaxHeader = 4u << 20; // the cases come in one line
constexpr std::size_t kMaxNotes = 50;

/// The folders of "a/b/c" below `folder`, each made when missing.
bool makeParents(int folder, const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        std::string parent = path.substr(0, slash);
        if (openBeneath(folder, parent, O_PATH | O_DIRECTORY)) continue;
        if (::mkdirat(folder, parent.c_str(), 0700) != 0) return false;
    }
    return true;
}

} // namespace

bool isArtifactPath(const std::string& path) {
    if (path.empty() || path.size() > 1024 || !isUtf8(path)) return false;
    for (const std::string& part : split(path, '/'))
        if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    for (unsigned char c : path)
        if (c < 0x20 || c == 0x7F) return false;
    return true;
}

Harvest::Harvest(int attempt, int box, int position, std::optional<TestUser> user, Allowance& allowance)
    : _attempt(attempt), _position(position), _allowance(allowance) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        note(std::string("artifacts and results were not read: ") + std::strerror(errno));
        return;
    }
    _pipe.reset(ends[0]);
    UniqueFd writeEnd(ends[1]);
    _child = ::fork();
    if (_child == 0) {
        _pipe.release();
        runHarvestChild(box, position, user, ends[1], allowance.bytes, allowance.files);
    }
    if (_child < 0) note(std::string("artifacts and results were not read: ") + std::strerror(errno));
    ::fcntl(_pipe.get(), F_SETFL, O_NONBLOCK);
}

Harvest::~Harvest() {
    if (_child > 0 && !_ended) ::kill(_child, SIGKILL); // reaped by the leader's loop
}

void Harvest::note(std::string text) {
    if (_notes.size() < kMaxNotes)
        _notes.push_back(std::move(text));
    else if (_notes.size() == kMaxNotes)
        _notes.push_back("more was left out");
}

bool Harvest::advance() {
    if (_ended || !_pipe || _child < 0) return true;
    std::array<char, 65536> block;
    for (int turn = 0; turn < 64; ++turn) { // then somebody else's turn
        ssize_t n = ::read(_pipe.get(), block.data(), block.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return false;
        if (n <= 0) {
            note("artifacts and results were not read to the end");
            endFile();
            return _ended = true;
        }
        std::string_view rest(block.data(), static_cast<std::size_t>(n));
        while (!rest.empty() && !_ended) {
            if (_inFile) {
                auto take = static_cast<std::size_t>(
                    std::min<std::int64_t>(_left, static_cast<std::int64_t>(rest.size())));
                if (_file && !writeAll(_file.get(), rest.substr(0, take))) {
                    note(std::string("an artifact could not be written: ") + std::strerror(errno));
                    _file.reset();
                }
                rest.remove_prefix(take);
                _left -= static_cast<std::int64_t>(take);
                if (_left == 0) endFile();
                continue;
            }
            std::size_t end = rest.find('\n');
            _buffer.append(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            if (_buffer.size() > kMaxHeader) return _ended = true;
            if (end != std::string_view::npos) {
                takeHeader(_buffer);
                _buffer.clear();
            }
        }
        if (_ended) return true;
    }
    return false;
}

void Harvest::takeHeader(const std::string& line) {
    auto parsed = parseJson(line, {.maxBytes = kMaxHeader});
    const Json* json = std::get_if<Json>(&parsed);
    if (!json || !json->is_object()) {
        _ended = true;
        return;
    }
    if (auto note = json->find("note"); note != json->end())
        this->note(oneLine(note->get<std::string>(), 400));
    if (auto cases = json->find("cases"); cases != json->end() && cases->is_array()) _cases = toText(*cases);
    if (auto file = json->find("file"); file != json->end())
        beginFile(file->get<std::string>(), json->value("bytes", std::int64_t{0}));
    if (json->contains("end")) _ended = true;
}

void Harvest::beginFile(const std::string& path, std::int64_t bytes) {
    _inFile = true;
    _left = bytes;
    if (!isArtifactPath(path) || bytes < 0 || bytes > _allowance.bytes || _allowance.files <= 0) {
        note("artifact left out: " + oneLine(path, 200));
    } else {
        UniqueFd folder;
        if (::mkdirat(_attempt, "artifacts", 0700) == 0 || errno == EEXIST)
            folder = openBeneath(_attempt, "artifacts", O_RDONLY | O_DIRECTORY);
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
        // The first test to use a name has it; a later one's file stands in a folder of that test.
        for (const std::string& name : {path, "test-" + std::to_string(_position) + "/" + path}) {
            if (!_file && folder && makeParents(folder.get(), name))
                _file = openBeneath(folder.get(), name, flags, 0600);
        }
        if (!_file) note("artifact left out: " + oneLine(path, 200) + ": " + std::strerror(errno));
        _allowance.bytes -= bytes;
        _allowance.files -= 1;
    }
    if (_left <= 0) endFile();
}

void Harvest::endFile() {
    if (_file) ::fsync(_file.get());
    _file.reset();
    _inFile = false;
}

} // namespace usher
