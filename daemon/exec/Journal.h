#pragma once

#include "base/Clock.h"
#include "base/Json.h"
#include "base/UniqueFd.h"
#include "domain/Executor.h"
#include "domain/Run.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

// The journal of an attempt: one line of JSON per entry, only ever appended to.
//   {"t":"leader","bootId":"…","pid":…,"startTicks":…}      the first line: who leads this attempt
//   {"t":"state","status":"running","at":…,"sandbox":"…"}   {"t":"state","status":"passed"}
//   {"t":"test","test":0,"status":"running","at":…}
//   {"t":"log","test":0,"off":0,"len":120}                  a piece of test-0.log
//   {"t":"result","test":0,"status":"passed"}               result-0.json is complete; the last test's is
//                                                           in the outcome
//   {"t":"end","outcome":{…}}                               the last line; a long outcome is in result.json
// A reader stops at the last whole line. An entry's id is "attempt-OFFSET", the offset of the byte behind it.

/// Writes it. Belongs to the leader's loop.
class JournalWriter {
public:
    /// Makes no file yet.
    explicit JournalWriter(int attemptFolder) : _folder(attemptFolder) {}
    /// For the next flush().
    void add(const Json& entry);
    /// Everything that was added is in the file, with one write; the first one creates it. False with errno:
    /// nothing of it is, for a failed write is undone, and it waits for another try.
    bool flush();
    /// flush(), and wait for the disk.
    bool sync();
    /// Was anything added since the last flush()?
    bool pending() const { return !_waiting.empty(); }
    /// Is its first line in the file, by which the leader is found again?
    bool begun() const { return _size > 0; }
    /// Gives up what waits.
    void drop() { _waiting.clear(); }

private:
    int _folder;
    UniqueFd _file;
    std::int64_t _size = 0;
    std::string _waiting;
};

/// Whole lines of a journal from `offset` on, at most about `maxBytes` (at least one line when there is one).
class JournalLines {
public:
    struct Line {
        Json entry;
        std::int64_t end = 0; ///< offset of the byte behind it
    };
    static std::vector<Line> read(int attemptFolder, std::int64_t offset, std::size_t maxBytes);
    /// The last whole line; nothing when there is none.
    static std::optional<Json> last(int attemptFolder);
};

/// Entries as RunFiles gives them out: with their text, invalid UTF-8 replaced, internal entries left out.
std::vector<RunFiles::JournalEntry> readEntries(int attemptFolder, int attempt, std::int64_t offset,
                                                std::size_t maxBytes);

} // namespace usher
