#include "exec/OutputLog.h"

#include "exec/Files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace usher {

std::size_t unfinishedBytes(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xC0) == 0x80) continue;
        std::size_t length = byte >= 0xF0 && byte <= 0xF4 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
        return byte <= 0xF4 && length > back ? back : 0;
    }
    return 0;
}

OutputLog::OutputLog(int folder, std::string name, std::int64_t capBytes)
    : _folder(folder), _name(std::move(name)) {
    _tailCap = static_cast<std::size_t>(std::min<std::int64_t>(capBytes / 4, 1 << 20));
    _headCap = capBytes - static_cast<std::int64_t>(_tailCap);
}

void OutputLog::append(std::string_view bytes) {
    _output += static_cast<std::int64_t>(bytes.size());
    if (!_headFull) {
        auto room = static_cast<std::size_t>(_headCap - _kept);
        if (bytes.size() <= room) {
            write(bytes);
            return;
        }
        std::string_view head = bytes.substr(0, room);
        // A character across the edge belongs to the end as a whole. (One that began in an earlier write
        // stays.)
        head.remove_suffix(unfinishedBytes(head));
        write(head);
        bytes.remove_prefix(head.size());
        _headFull = true;
    }
    remember(bytes);
}

bool OutputLog::make() {
    if (_file || !_problem.empty()) return static_cast<bool>(_file);
    _file = openBeneath(_folder, _name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    if (_file) return true;
    _problem = "cannot make " + _name + ": " + std::strerror(errno);
    _truncated = true;
    return false;
}

void OutputLog::write(std::string_view bytes) {
    if (bytes.empty()) return;
    std::size_t done = 0;
    while (make() && done < bytes.size()) {
        ssize_t n = ::write(_file.get(), bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            _truncated = true;
            break;
        }
        done += static_cast<std::size_t>(n);
    }
    _kept += static_cast<std::int64_t>(done);
    _lastBytes.append(bytes.substr(done > 4 ? done - 4 : 0, std::min<std::size_t>(done, 4)));
    if (_lastBytes.size() > 4) _lastBytes.erase(0, _lastBytes.size() - 4);
    _unfinished = static_cast<std::int64_t>(unfinishedBytes(_lastBytes));
}

void OutputLog::remember(std::string_view bytes) {
    _beyondHead += static_cast<std::int64_t>(bytes.size());
    if (bytes.size() > _tailCap) bytes.remove_prefix(bytes.size() - _tailCap);
    while (!bytes.empty()) {
        if (_tail.size() < _tailCap) {
            std::size_t take = std::min(bytes.size(), _tailCap - _tail.size());
            _tail.append(bytes.substr(0, take));
            bytes.remove_prefix(take);
            continue;
        }
        std::size_t take = std::min(bytes.size(), _tailCap - _tailNext);
        _tail.replace(_tailNext, take, bytes.substr(0, take));
        _tailNext = (_tailNext + take) % _tailCap;
        bytes.remove_prefix(take);
    }
}

void OutputLog::finish() {
    if (_finished) return;
    _finished = true;
    std::rotate(_tail.begin(), _tail.begin() + static_cast<std::ptrdiff_t>(_tailNext), _tail.end());
    std::int64_t lost = _beyondHead - static_cast<std::int64_t>(_tail.size());
    if (lost > 0) {
        _truncated = true;
        std::size_t broken = 0; // the end must not begin inside a character
        while (broken < 3 && broken < _tail.size() &&
               (static_cast<unsigned char>(_tail[broken]) & 0xC0) == 0x80)
            ++broken;
        _tail.erase(0, broken);
        lost += static_cast<std::int64_t>(broken);
        std::string mark = _lastBytes.empty() || _lastBytes.back() == '\n' ? "" : "\n";
        write(mark + "[... " + std::to_string(lost) + " bytes left out ...]\n");
    }
    write(_tail);
    _tail = {};
    _unfinished = 0;
}

void OutputLog::note(std::string_view line) {
    finish();
    std::string text = _kept == 0 || (!_lastBytes.empty() && _lastBytes.back() == '\n') ? "" : "\n";
    write(text.append("[usher] ").append(line).append("\n"));
    _unfinished = 0;
}

bool OutputLog::sync() {
    if (_kept == 0) return true; // nothing to lose, and a test that writes nothing is common
    return ::fsync(_file.get()) == 0;
}

} // namespace usher
