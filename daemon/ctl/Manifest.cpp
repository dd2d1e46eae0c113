#include "ctl/Manifest.h"

#include "base/Text.h"
#include "ctl/Command.h"

#include <algorithm>
#include <filesystem>

namespace usher::ctl {

namespace {

constexpr std::size_t scriptLimit = 1u << 20;

bool endsWith(const std::string& text, std::string_view end) {
    return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string readScript(const std::filesystem::path& path) {
    std::optional<std::string> text = readFile(path.string(), scriptLimit);
    if (!text) throw UsageError("cannot read " + path.string(), "a script is a file of at most 1 MiB");
    if (text->empty()) throw UsageError(path.string() + " is empty");
    if (!isUtf8(*text) || text->find('\0') != std::string::npos)
        throw UsageError(path.string() + " is not UTF-8 text");
    return *text;
}

std::string textMember(const Json& json, const char* name, const std::string& where) {
    if (!json.contains(name)) return "";
    if (!json[name].is_string()) throw UsageError(where + ": " + name + " must be a text");
    return json[name];
}

void refuseUnknown(const Json& json, const std::vector<std::string>& known, const std::string& where) {
    std::string all;
    for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
    for (const auto& [name, value] : json.items())
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw UsageError(where + ": unknown member " + oneLine(name, 60), "known are " + all);
}

ScriptFile testFrom(const Json& entry, const std::filesystem::path& folder, const std::string& where) {
    if (!entry.is_object()) throw UsageError(where + ": each test is an object with a file");
    refuseUnknown(entry, {"title", "type", "file"}, where);
    ScriptFile test;
    test.file = textMember(entry, "file", where);
    if (test.file.empty()) throw UsageError(where + ": a test without a file");
    std::filesystem::path relative = std::filesystem::path(test.file).lexically_normal();
    if (relative.is_absolute() || *relative.begin() == "..")
        throw UsageError(where + ": " + oneLine(test.file, 200) + " is outside the folder");
    test.title = textMember(entry, "title", where);
    if (test.title.empty()) test.title = test.file;
    test.type = textMember(entry, "type", where);
    if (test.type.empty()) {
        std::optional<std::string> type = typeFromName(test.file);
        if (!type)
            throw UsageError(where + ": the type of " + test.file + " cannot be told from its name",
                             "say \"type\"");
        test.type = *type;
    }
    test.script = readScript(folder / relative);
    return test;
}

} // namespace

std::optional<std::string> typeFromName(const std::string& file) {
    if (endsWith(file, ".spec.js") || endsWith(file, ".spec.ts")) return "playwright";
    if (endsWith(file, ".sh")) return "shell";
    if (endsWith(file, ".py")) return "python";
    if (endsWith(file, ".js")) return "node";
    return std::nullopt;
}

Manifest readManifest(const std::string& folderName) {
    std::filesystem::path folder(folderName);
    std::error_code failed;
    if (!std::filesystem::is_directory(folder, failed)) throw UsageError(folderName + " is not a folder");
    Manifest manifest;
    manifest.name = std::filesystem::canonical(folder, failed).filename().string();

    std::filesystem::path file = folder / "usher.json";
    if (!std::filesystem::exists(file, failed)) {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
            if (entry.is_regular_file(failed) && typeFromName(entry.path().filename().string()))
                names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        for (const std::string& name : names)
            manifest.tests.push_back({name, name, *typeFromName(name), readScript(folder / name)});
        if (manifest.tests.empty())
            throw UsageError(folderName + " holds no scripts",
                             "scripts end in .sh, .py, .js, .spec.js or .spec.ts");
        return manifest;
    }

    std::string where = file.string();
    std::optional<std::string> text = readFile(where, scriptLimit);
    if (!text) throw UsageError("cannot read " + where);
    auto parsed = parseJson(*text);
    if (auto* error = std::get_if<JsonError>(&parsed)) throw UsageError(where + ": " + error->message);
    const Json& json = std::get<Json>(parsed);
    if (!json.is_object()) throw UsageError(where + " must hold an object");
    const std::vector<std::string> settings = {"description", "timeoutSeconds", "maxConcurrency",
                                               "queueLimit", "parameters"};
    std::vector<std::string> known = settings;
    known.insert(known.end(), {"name", "tests"});
    refuseUnknown(json, known, where);
    if (std::string name = textMember(json, "name", where); !name.empty()) manifest.name = name;
    for (const std::string& name : settings)
        if (json.contains(name)) manifest.settings[name] = json[name];
    if (!json.contains("tests") || !json["tests"].is_array() || json["tests"].empty())
        throw UsageError(where + ": tests must be a list with at least one test");
    for (const Json& entry : json["tests"]) {
        manifest.tests.push_back(testFrom(entry, folder, where));
        for (std::size_t i = 0; i + 1 < manifest.tests.size(); ++i)
            if (manifest.tests[i].title == manifest.tests.back().title)
                throw UsageError(where + ": two tests have the title " +
                                 oneLine(manifest.tests[i].title, 100));
    }
    return manifest;
}

} // namespace usher::ctl
