#pragma once

#include "base/Clock.h"
#include "base/Json.h"
#include "base/UniqueFd.h"
#include "domain/Executor.h"
#include "domain/Run.h"

#include <string>
#include <vector>

namespace usher {

// The journal of an attempt: one line of JSON per entry, only ever appended to, each line with one write.
//   {"t":"leader","bootId":"…","pid":…,"startTicks":…}      the first line: who leads this attempt
//   {"t":"state","status":"running","at":…,"sandbox":"…"}   {"t":"state","status":"passed"}
//   {"t":"test","test":0,"status":"running","at":…}
//   {"t":"log","test":0,"off":0,"len":120}                  a piece of test-0.log
//   {"t":"result","test":0,"status":"passed"}               result-0.json (of the last: result.json) is
//   complete
// A reader stops at the last whole line. An entry's id is "attempt-OFFSET", the offset of the byte behind it.

/// Writes it. Belongs to the leader's loop. A failed write is undone, so that no half line ever stands before
/// another.
class JournalWriter {
public:
    /// Creates the file in the attempt's folder; check good().
    explicit JournalWriter(int attemptFolder);
    bool good() const { return static_cast<bool>(_file); }
    /// False with errno: nothing was added.
    bool add(const Json& entry);
    bool sync();

private:
    UniqueFd _file;
    std::int64_t _size = 0;
};

/// Whole lines of a journal from `offset` on, at most about `maxBytes` (at least one line when there is one).
class JournalLines {
public:
    struct Line {
        Json entry;
        std::int64_t end = 0; ///< offset of the byte behind it
    };
    static std::vector<Line> read(int attemptFolder, std::int64_t offset, std::size_t maxBytes);
};

/// Entries as RunFiles gives them out: with their text, invalid UTF-8 replaced, internal entries left out.
std::vector<RunFiles::JournalEntry> readEntries(int attemptFolder, int attempt, std::int64_t offset,
                                                std::size_t maxBytes);

} // namespace usher
