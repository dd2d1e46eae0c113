#pragma once

#include "base/UniqueFd.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace usher {

/// Bytes at the end of `text` that begin a UTF-8 sequence whose rest has not come yet (0 to 3).
std::size_t unfinishedBytes(std::string_view text);

/// A test's output, as much of it as is kept: the first part goes to the file as it comes, of the rest only
/// the end is held in memory until finish() writes it behind a line that says how much is missing. At most
/// `capBytes` and that line. Not synchronised; belongs to the leader's loop. A file that cannot be written
/// any more (disk full) keeps what it has and counts as truncated. A test that writes nothing has no file: to
/// make one costs more than all else that is kept of it.
class OutputLog {
public:
    /// Makes its file, `name` below `folder`, with the first byte. `folder` stays the caller's.
    OutputLog(int folder, std::string name, std::int64_t capBytes);

    void append(std::string_view bytes);
    /// A line of our own behind the output; never counted as the test's.
    void note(std::string_view line);
    /// Writes the kept end. Nothing but note() may follow.
    void finish();
    /// False when the file could not be brought to disk.
    bool sync();
    /// Why there is no file, though there was output. "" = there is, or there was none.
    const std::string& problem() const { return _problem; }

    /// What readers may be told of: never ends inside a UTF-8 sequence while more may come.
    std::int64_t readableBytes() const { return _kept - _unfinished; }
    std::int64_t keptBytes() const { return _kept; }
    /// What the test wrote, kept or not.
    std::int64_t outputBytes() const { return _output; }
    bool truncated() const { return _truncated; }

private:
    bool make();
    void write(std::string_view bytes);
    void remember(std::string_view bytes);

    int _folder;
    std::string _name, _problem;
    UniqueFd _file;
    std::int64_t _headCap;
    std::size_t _tailCap;
    std::string _tail; ///< used as a ring once it is full
    std::size_t _tailNext = 0;
    std::string _lastBytes; ///< up to 4, to find the end of a sequence
    std::int64_t _kept = 0;
    std::int64_t _unfinished = 0;
    std::int64_t _output = 0;
    std::int64_t _beyondHead = 0;
    bool _headFull = false;
    bool _finished = false;
    bool _truncated = false;
};

} // namespace usher
