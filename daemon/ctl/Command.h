#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace usher::ctl {

class Context;

/// The command line itself is wrong, or something that it names on this machine is. Exit code 2, with the
/// hint.
class UsageError : public std::runtime_error {
public:
    explicit UsageError(const std::string& message, std::string hint = "")
        : std::runtime_error(message), _hint(std::move(hint)) {}
    const std::string& hint() const { return _hint; }

private:
    std::string _hint;
};

struct Option {
    std::string name;  ///< without the dashes
    std::string value; ///< what stands for the value in the help; empty: the option takes none
    std::string help;
    bool repeated = false;
    char letter = 0; ///< `-f` for `--follow`; 0: none
};

/// One thing that usherctl can do: how it is called, how it is explained, and what it runs.
struct Command {
    std::string name;      ///< "key create": the words that choose it
    std::string arguments; ///< "JOB TEST…", for the help
    std::string summary;   ///< one line
    int minimumArguments = 0;
    int maximumArguments = 0; ///< -1: any number
    std::vector<Option> options;
    std::string details; ///< what one should know, then examples
    std::function<int(Context&)> run;
};

/// A command line after it was understood.
struct Invocation {
    const Command* command = nullptr;
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> options; ///< in the order given; value empty for a flag

    bool has(std::string_view name) const;
    /// The last one wins.
    std::optional<std::string> find(std::string_view name) const;
    std::vector<std::string> all(std::string_view name) const;
};

/// Every command, how to find the one that is meant, and the help at each level. Immutable after
/// construction.
class CommandTable {
public:
    explicit CommandTable(std::vector<Command> commands);

    /// What parse() found: a command to run, or a text to show (help, version).
    struct Parsed {
        Invocation invocation;
        std::optional<std::string> text;
    };
    /// `words` without the program's name. Throws UsageError. Options that would carry a secret (--key,
    /// --password,
    /// --token) are refused by name and never repeated: a command line is visible to everyone on the machine.
    Parsed parse(const std::vector<std::string>& words) const;

    /// The help of everything, of one noun ("key"), or of one command ("key create").
    std::string help(const std::string& topic) const;

private:
    const Command* find(const std::string& name) const;
    bool isNoun(const std::string& word) const;
    std::string overview() const;
    std::string helpForNoun(const std::string& noun) const;
    std::string helpForCommand(const Command& command) const;

    std::vector<Command> _commands;
};

/// Options that every command takes.
const std::vector<Option>& globalOptions();

} // namespace usher::ctl
