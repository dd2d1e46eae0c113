#include "exec/ExecConfig.h"

#include "base/Text.h"

#include <stdexcept>

namespace usher {

namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> all;
    for (std::string& word : split(text, ' '))
        if (!trim(word).empty()) all.emplace_back(trim(word));
    return all;
}

Interpreter interpreter(std::string_view command, std::string extension, Environment environment = {}) {
    return {words(command), std::move(environment), std::move(extension)};
}

std::map<std::string, Interpreter> defaults() {
    return {
        {"shell", interpreter("/bin/sh {script}", ".sh")},
        {"python", interpreter("/usr/bin/python3 {script}", ".py")},
        {"node", interpreter("/usr/bin/node {script}", ".js")},
        {"playwright", interpreter("playwright test --reporter=list,junit --output={artifacts} {script}",
                                   ".spec.js", {{"PLAYWRIGHT_JUNIT_OUTPUT_NAME", "{results}/junit.xml"}})},
        {"k6", interpreter("k6 run --no-usage-report {script}", ".js")},
    };
}

/// Reads one key into a number and says what is wrong with it.
class Numbers {
public:
    Numbers(const IniFile& file, std::vector<std::string>& problems) : _file(file), _problems(problems) {}

    template <class T>
    void read(const char* key, std::int64_t least, std::int64_t most, T& into) {
        const IniEntry* entry = _file.find("exec", key);
        if (!entry) return;
        auto value = parseInteger(entry->value);
        if (!value || *value < least || *value > most)
            complain(*entry,
                     "expected a number from " + std::to_string(least) + " to " + std::to_string(most));
        else
            into = static_cast<T>(*value);
    }
    void complain(const IniEntry& entry, const std::string& what) {
        _problems.push_back(entry.file + ":" + std::to_string(entry.line) + ": [exec] " + entry.key + ": " +
                            what);
    }

private:
    const IniFile& _file;
    std::vector<std::string>& _problems;
};

bool isTypeName(std::string_view text) {
    return !text.empty() && text.size() <= 63 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

/// interpreter.TYPE, interpreter.TYPE.extension, interpreter.TYPE.tap, interpreter.TYPE.env.NAME
bool readInterpreter(const IniEntry& entry, ExecConfig& config) {
    std::vector<std::string> parts = split(entry.key, '.');
    if (parts.size() < 2 || !isTypeName(parts[1])) return false;
    Interpreter& one = config.interpreters[parts[1]];
    if (parts.size() == 2) {
        one.command = words(entry.value);
        // What came with the built-in command line says nothing about another one.
        if (parts[1] == "playwright") one.environment.erase("PLAYWRIGHT_JUNIT_OUTPUT_NAME");
        return !one.command.empty();
    }
    if (parts.size() == 3 && parts[2] == "extension") {
        one.extension = entry.value;
        return entry.value.size() <= 16 && entry.value.find('/') == std::string::npos;
    }
    if (parts.size() == 3 && parts[2] == "tap") {
        one.tap = entry.value == "yes";
        return one.tap || entry.value == "no";
    }
    if (parts.size() == 4 && parts[2] == "env" && !parts[3].empty()) {
        one.environment[parts[3]] = entry.value;
        return true;
    }
    return false;
}

} // namespace

ExecConfig execConfigFrom(const IniFile& file, std::vector<std::string>& problems) {
    ExecConfig config;
    config.interpreters = defaults();
    config.runsDir = file.get("", "state_dir", "/var/lib/usher") + "/runs";
    Numbers numbers(file, problems);
    numbers.read("output_cap_bytes", 1024, 1ll << 40, config.outputCapBytes);
    numbers.read("cancel_grace_seconds", 0, 3600, config.cancelGraceSeconds);
    numbers.read("memory_limit_bytes", 0, 1ll << 50, config.memoryLimitBytes);
    numbers.read("file_limit_bytes", 1024, 1ll << 50, config.fileLimitBytes);
    numbers.read("artifact_cap_bytes", 0, 1ll << 50, config.artifactCapBytes);
    numbers.read("artifact_cap_files", 0, 1'000'000, config.artifactCapFiles);
    for (const IniEntry& entry : file.entries()) {
        if (entry.section != "exec") continue;
        if (entry.key == "sandbox") {
            config.sandbox = entry.value;
            if (entry.value != "none" && entry.value != "basic" && entry.value != "strict")
                numbers.complain(entry, "expected none, basic or strict; this version has no profile '" +
                                            oneLine(entry.value, 40) + "'");
        } else if (entry.key == "uid_range") {
            std::size_t dash = entry.value.find('-');
            auto first = parseInteger(trim(std::string_view(entry.value).substr(0, dash)));
            auto last = dash == std::string::npos
                            ? first
                            : parseInteger(trim(std::string_view(entry.value).substr(dash + 1)));
            if (!first || !last || *first < 1 || *last < *first || *last >= 0xFFFFFFFE ||
                *last - *first > 65535)
                numbers.complain(
                    entry, "expected FIRST-LAST, user ids that nobody else uses, at most 65536 of them");
            else {
                config.firstUid = static_cast<uid_t>(*first);
                config.lastUid = static_cast<uid_t>(*last);
            }
        } else if (entry.key == "exec_allow") {
            config.execAllow = words(entry.value);
        } else if (entry.key.compare(0, 12, "interpreter.") == 0 && !readInterpreter(entry, config)) {
            numbers.complain(entry, "expected interpreter.TYPE = COMMAND, interpreter.TYPE.extension, "
                                    "interpreter.TYPE.tap = yes or no, or interpreter.TYPE.env.NAME; a TYPE "
                                    "is [a-z0-9-]{1,63}");
        }
    }
    return config;
}

const Interpreter* findInterpreter(const ExecConfig& config, const std::string& type) {
    auto configured = [&](const std::string& name) -> const Interpreter* {
        auto at = config.interpreters.find(name);
        return at == config.interpreters.end() || at->second.command.empty() ? nullptr : &at->second;
    };
    if (const Interpreter* exact = configured(type)) return exact;
    if (type == "browser" || type == "api" || type == "custom" || type == "database")
        return configured("playwright");
    if (type == "performance") return configured("k6");
    return nullptr;
}

Json toJson(const ExecConfig& config) {
    Json interpreters = Json::object();
    for (const auto& [type, one] : config.interpreters)
        interpreters[type] = {{"command", one.command},
                              {"environment", one.environment},
                              {"extension", one.extension},
                              {"tap", one.tap}};
    return {{"runsDir", config.runsDir},
            {"sandbox", config.sandbox},
            {"firstUid", config.firstUid},
            {"lastUid", config.lastUid},
            {"outputCapBytes", config.outputCapBytes},
            {"cancelGraceSeconds", config.cancelGraceSeconds},
            {"memoryLimitBytes", config.memoryLimitBytes},
            {"fileLimitBytes", config.fileLimitBytes},
            {"artifactCapBytes", config.artifactCapBytes},
            {"artifactCapFiles", config.artifactCapFiles},
            {"execAllow", config.execAllow},
            {"interpreters", std::move(interpreters)}};
}

ExecConfig execConfigFrom(const Json& json) {
    try {
        ExecConfig config;
        config.runsDir = json.at("runsDir");
        config.sandbox = json.at("sandbox");
        config.firstUid = json.at("firstUid");
        config.lastUid = json.at("lastUid");
        config.outputCapBytes = json.at("outputCapBytes");
        config.cancelGraceSeconds = json.at("cancelGraceSeconds");
        config.memoryLimitBytes = json.at("memoryLimitBytes");
        config.fileLimitBytes = json.at("fileLimitBytes");
        config.artifactCapBytes = json.at("artifactCapBytes");
        config.artifactCapFiles = json.at("artifactCapFiles");
        config.execAllow = json.at("execAllow").get<std::vector<std::string>>();
        for (const auto& [type, one] : json.at("interpreters").items())
            config.interpreters[type] = {one.at("command").get<std::vector<std::string>>(),
                                         one.at("environment").get<Environment>(), one.at("extension"),
                                         one.value("tap", false)};
        return config;
    } catch (const Json::exception&) {
        throw std::runtime_error("the launcher's settings are not those of this version");
    }
}

} // namespace usher
