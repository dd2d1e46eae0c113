#include "ctl/Command.h"

#include "base/Text.h"
#include "ctl/Version.h"

#include <algorithm>
#include <stdexcept>

namespace usher::ctl {

namespace {

const char* const overviewHead = R"(usherctl: jobs, keys and runs of an usherd, from the command line

Usage: usherctl COMMAND [ARGUMENT]… [--option [VALUE]]…
)";

const char* const overviewTail = R"(
First steps
  usherctl setup --email you@example.org --password-stdin < password.txt     the first admin, once
  usherctl sign-in --email you@example.org                                   asks for the password
  usherctl job import ./tests                                                a folder of scripts becomes a job
  usherctl key create nightly --name ci --output ci.key                      a key for one job
  usherctl trigger nightly --key-file ci.key --wait --follow                 run it, watch it, exit with its verdict

Exit codes: 0 done, or the run passed; of a run: 1 failed, 3 error, 4 timeout, 5 cancelled, 6 lost;
  2 the command line is wrong, 7 the server refused, 8 the server cannot be reached.
Environment: USHER_SERVER (address), USHER_API_KEY (trigger). More: usherctl COMMAND --help
)";

struct Noun {
    const char* name;
    const char* summary;
};
const Noun nouns[] = {
    {"job", "what is run: a name, an ordered list of tests, limits"},
    {"test", "a script with a type: shell, python, node, playwright, …"},
    {"schedule", "when a job runs by itself: cron lines in a time zone"},
    {"secret", "what a job's tests get and nobody may read"},
    {"key", "API keys: each may trigger one job"},
    {"keys", "all keys of the server at once"},
    {"run", "what has run and what is running: verdicts, output"},
    {"webhook", "who is told of the runs of a job, over HTTP"},
    {"node", "the machines that share one database"},
    {"plugin", "who decides: the auth plugins and how they are"},
    {"auth", "why a request is let in or refused"},
    {"user", "people and their roles (admins)"},
    {"session", "who is signed in (admins)"},
};

/// How many letters to change, add or drop to get from one word to the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t bestDistance = 3; // farther than two letters is no typing error
    for (const std::string& candidate : candidates) {
        std::size_t d = distance(word, candidate);
        if (d < bestDistance) {
            bestDistance = d;
            best = candidate;
        }
    }
    return best;
}

std::string padded(const std::string& text, std::size_t width) {
    std::size_t length = codePoints(text);
    return length < width ? text + std::string(width - length, ' ') : text;
}

std::string optionLine(const Option& option) {
    std::string name = "--" + option.name + (option.value.empty() ? "" : " " + option.value);
    if (option.letter != 0) name = std::string("-") + option.letter + ", " + name;
    // Names that fill the column get a line of their own, so that the explanations stay in one column.
    std::string left = "  " + padded(name, 26);
    if (codePoints(name) >= 26) left += "\n" + std::string(28, ' ');
    return left + option.help + (option.repeated ? " (may be repeated)" : "") + "\n";
}

/// Secrets never travel on a command line; the answer names the ways that are open.
void refuseSecretOption(const std::string& name) {
    if (name == "key" || name == "api-key")
        throw UsageError(
            "--" + name + " is not an option: a command line is visible to everyone on this machine",
            "give the key in USHER_API_KEY, in a file (--key-file FILE) or on standard input (--key-stdin)");
    if (name == "password" || name == "token")
        throw UsageError("--" + name +
                             " is not an option: a command line is visible to everyone on this machine",
                         name == "password" ? "use --password-stdin, or let usherctl ask on the terminal"
                                            : "use --token-file FILE");
}

} // namespace

const std::vector<Option>& globalOptions() {
    static const std::vector<Option> options = {
        {"server", "URL", "the server (default: USHER_SERVER, then http://127.0.0.1:8321)"},
        {"ca-file", "FILE", "trust this PEM file of certificates instead of the system's"},
        {"json", "", "print the server's JSON and nothing else on standard output"},
        {"help", "", "explain this command", false, 'h'},
        {"version", "", "print the version"},
    };
    return options;
}

bool Invocation::has(std::string_view name) const {
    return find(name).has_value();
}

std::optional<std::string> Invocation::find(std::string_view name) const {
    std::optional<std::string> found;
    for (const auto& [option, value] : options)
        if (option == name) found = value;
    return found;
}

std::vector<std::string> Invocation::all(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [option, value] : options)
        if (option == name) values.push_back(value);
    return values;
}

CommandTable::CommandTable(std::vector<Command> commands) : _commands(std::move(commands)) {
    // A noun that is not in the list above would be in no help and no completion.
    for (const Command& command : _commands)
        if (const std::size_t space = command.name.find(' '); space != std::string::npos)
            if (!isNoun(command.name.substr(0, space)))
                throw std::logic_error("no noun is listed for usherctl " + command.name);
}

const Command* CommandTable::find(const std::string& name) const {
    for (const Command& command : _commands)
        if (command.name == name) return &command;
    return nullptr;
}

bool CommandTable::isNoun(const std::string& word) const {
    return std::any_of(std::begin(nouns), std::end(nouns),
                       [&](const Noun& noun) { return word == noun.name; });
}

CommandTable::Parsed CommandTable::parse(const std::vector<std::string>& words) const {
    Parsed parsed;
    if (words.empty()) throw UsageError("no command", "usherctl --help shows what there is");
    if (words[0] == "--version") return {{}, std::string("usherctl ") + version() + "\n"};
    if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        std::string topic;
        for (std::size_t i = 1; i < words.size(); ++i) topic += (i > 1 ? " " : "") + words[i];
        return {{}, help(topic)};
    }

    // The words before the first option choose the command; global options may also stand in front.
    std::vector<std::string> plain; // command words and arguments
    std::vector<std::pair<std::string, bool>> rest;
    const Command* command = nullptr;
    auto choose = [&]() {
        if (plain.size() >= 2 && find(plain[0] + " " + plain[1]) != nullptr) {
            command = find(plain[0] + " " + plain[1]);
            plain.erase(plain.begin(), plain.begin() + 2);
        } else if (!plain.empty() && !isNoun(plain[0]) && find(plain[0]) != nullptr) {
            command = find(plain[0]);
            plain.erase(plain.begin());
        }
    };
    auto optionNamed = [&](const std::string& name) -> const Option* {
        if (command != nullptr)
            for (const Option& option : command->options)
                if (option.name == name) return &option;
        for (const Option& option : globalOptions())
            if (option.name == name) return &option;
        return nullptr;
    };
    bool onlyArguments = false;
    bool wantsHelp = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (onlyArguments || word.size() < 2 || word[0] != '-') {
            plain.push_back(word);
            if (command == nullptr) choose();
            continue;
        }
        if (word == "--") {
            onlyArguments = true;
            continue;
        }
        std::string name;
        std::optional<std::string> value;
        if (word[1] != '-') {
            if (word == "-h") name = "help";
            if (command != nullptr)
                for (const Option& option : command->options)
                    if (option.letter != 0 && word == std::string("-") + option.letter) name = option.name;
            if (name.empty())
                throw UsageError("unknown option " + oneLine(word, 40),
                                 "usherctl --help shows what there is");
        } else {
            std::size_t equals = word.find('=');
            name = word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
            if (equals != std::string::npos) value = word.substr(equals + 1);
        }
        refuseSecretOption(name);
        const Option* option = optionNamed(name);
        if (option == nullptr) {
            std::vector<std::string> names;
            for (const Option& known : globalOptions()) names.push_back(known.name);
            if (command != nullptr)
                for (const Option& known : command->options) names.push_back(known.name);
            std::string near = closest(name, names);
            std::string topic = command != nullptr ? command->name + " " : "";
            throw UsageError("unknown option --" + oneLine(name, 60),
                             near.empty() ? "usherctl " + topic + "--help lists the options"
                                          : "did you mean --" + near + "?");
        }
        if (option->value.empty()) {
            if (value) throw UsageError("--" + name + " takes no value");
        } else if (!value) {
            if (i + 1 >= words.size())
                throw UsageError("--" + name + " needs a value: --" + name + " " + option->value);
            value = words[++i];
        }
        if (name == "version") return {{}, std::string("usherctl ") + version() + "\n"};
        if (name == "help") wantsHelp = true;
        if (!option->repeated && parsed.invocation.has(name))
            throw UsageError("--" + name + " is given twice");
        parsed.invocation.options.emplace_back(name, value.value_or(""));
    }

    if (command == nullptr) {
        if (wantsHelp || (plain.size() == 1 && isNoun(plain[0]))) {
            if (plain.empty()) return {{}, overview()};
            if (isNoun(plain[0]) && plain.size() == 1) return {{}, helpForNoun(plain[0])};
        }
        if (plain.empty()) throw UsageError("no command", "usherctl --help shows what there is");
        std::string said = plain[0];
        if (isNoun(plain[0]) && plain.size() > 1) said += " " + plain[1];
        std::vector<std::string> names;
        for (const Command& known : _commands) names.push_back(known.name);
        for (const Noun& noun : nouns) names.push_back(noun.name);
        std::string near = closest(said, names);
        throw UsageError("unknown command: " + oneLine(said, 60),
                         near.empty() ? "usherctl --help shows what there is"
                                      : "did you mean `usherctl " + near + "`?");
    }
    if (wantsHelp) return {{}, helpForCommand(*command)};
    int count = static_cast<int>(plain.size());
    std::string usage =
        "usage: usherctl " + command->name + (command->arguments.empty() ? "" : " " + command->arguments);
    if (count < command->minimumArguments) throw UsageError("something is missing", usage);
    if (command->maximumArguments >= 0 && count > command->maximumArguments)
        throw UsageError("too many arguments: " + oneLine(plain[command->maximumArguments], 60), usage);
    parsed.invocation.command = command;
    parsed.invocation.arguments = std::move(plain);
    return parsed;
}

std::string CommandTable::help(const std::string& topic) const {
    if (topic.empty()) return overview();
    if (const Command* command = find(topic)) return helpForCommand(*command);
    if (isNoun(topic)) return helpForNoun(topic);
    throw UsageError("no help on " + oneLine(topic, 60), "usherctl --help shows what there is");
}

std::string CommandTable::overview() const {
    std::string text = overviewHead;
    text += "\nCommands\n";
    for (const Command& command : _commands)
        if (command.name.find(' ') == std::string::npos)
            text += "  " + padded(command.name, 12) + command.summary + "\n";
    for (const Noun& noun : nouns) {
        text += "  " + padded(noun.name, 12) + noun.summary + "\n" + std::string(14, ' ');
        std::string verbs;
        for (const Command& command : _commands)
            if (command.name.rfind(std::string(noun.name) + " ", 0) == 0)
                verbs += (verbs.empty() ? "" : ", ") + command.name.substr(std::string(noun.name).size() + 1);
        text += verbs + "\n";
    }
    text += "\nOptions of every command\n";
    for (const Option& option : globalOptions()) text += optionLine(option);
    return text + overviewTail;
}

std::string CommandTable::helpForNoun(const std::string& noun) const {
    std::string text = "Usage: usherctl " + noun + " COMMAND …\n\n";
    for (const Noun& known : nouns)
        if (noun == known.name) text += noun + ": " + known.summary + "\n\n";
    for (const Command& command : _commands)
        if (command.name.rfind(noun + " ", 0) == 0) {
            std::string call = command.name + (command.arguments.empty() ? "" : " " + command.arguments);
            text += "  " + padded(call, 26) + command.summary + "\n";
        }
    return text + "\nusherctl " + noun + " COMMAND --help explains one of them, with examples.\n";
}

std::string CommandTable::helpForCommand(const Command& command) const {
    std::string text = "Usage: usherctl " + command.name;
    if (!command.arguments.empty()) text += " " + command.arguments;
    text += " [--option [VALUE]]…\n\n" + command.summary + ".\n";
    if (!command.options.empty()) {
        text += "\nOptions\n";
        for (const Option& option : command.options) text += optionLine(option);
    }
    text += "\nOptions of every command\n";
    for (const Option& option : globalOptions()) text += optionLine(option);
    if (!command.details.empty()) text += "\n" + command.details + "\n";
    return text;
}

} // namespace usher::ctl
