#pragma once

#include "base/UniqueFd.h"
#include "exec/Credentials.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace usher {

/// Brings in what a test left in its artifacts and results folders. A child process reads them under the
/// test's own uid (the files are mode 0600 and belong to it; nothing that the test could not read itself can
/// be named) and sends them through a pipe; this side writes them below `artifacts/`. Regular files only:
/// links, also hard ones, FIFOs and devices are refused. Driven by the leader's loop: readable → advance().
class Harvest {
public:
    /// What of the run's allowance is left; counted down.
    struct Allowance {
        std::int64_t bytes = 0;
        int files = 0;
    };

    /// Starts the child. `attempt` and `box` must outlive it.
    Harvest(int attempt, int box, int position, std::optional<TestUser> user, Allowance& allowance);
    ~Harvest();

    int descriptor() const { return _pipe.get(); }
    pid_t pid() const { return _child; }
    /// Reads what is there. True when all of it has come.
    bool advance();

    const std::string& casesJson() const { return _cases; }
    /// For the end of the test's log: what was left out, and why.
    const std::vector<std::string>& notes() const { return _notes; }

private:
    void takeHeader(const std::string& line);
    void beginFile(const std::string& path, std::int64_t bytes);
    void endFile();
    void note(std::string text);

    int _attempt;
    int _position;
    Allowance& _allowance;
    UniqueFd _pipe;
    pid_t _child = -1;
    std::string _buffer;
    std::int64_t _left = 0; ///< bytes of the present file that have not come yet
    bool _inFile = false;
    UniqueFd _file; ///< none while a refused file goes by
    bool _ended = false;
    std::string _cases = "[]";
    std::vector<std::string> _notes;
};

} // namespace usher
