#include "base/IniFile.h"

#include "base/Text.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

namespace usher {

namespace {

bool isName(std::string_view text) {
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    });
}

bool hasControl(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

std::vector<std::string> dropIns(const std::string& folder) {
    std::vector<std::string> files;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        std::string_view name = entry->d_name;
        if (name.size() > 5 && name.front() != '.' && name.substr(name.size() - 5) == ".conf")
            files.push_back(folder + "/" + std::string(name));
    }
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace

std::string IniProblem::text() const {
    return file + (line ? ":" + std::to_string(line) : std::string()) + ": " + message;
}

bool IniFile::read(const std::string& path) {
    errno = 0;
    std::optional<std::string> text = readFile(path, 1u << 20);
    if (!text) {
        _problems.push_back(
            {path, 0, errno ? std::string("cannot read: ") + std::strerror(errno) : "larger than 1 MiB"});
        return false;
    }
    return parse(*text, path);
}

bool IniFile::readWithDropIns(const std::string& path) {
    bool good = read(path);
    std::size_t slash = path.rfind('/');
    std::string folder =
        slash == std::string::npos ? std::string("conf.d") : path.substr(0, slash) + "/conf.d";
    for (const std::string& file : dropIns(folder)) good = read(file) && good;
    return good;
}

bool IniFile::parse(std::string_view text, const std::string& name) {
    std::size_t before = _problems.size();
    std::string section;
    std::set<std::string> sections;
    std::set<std::pair<std::string, std::string>> keys;
    int number = 0;
    auto problem = [&](std::string message) { _problems.push_back({name, number, std::move(message)}); };

    if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
    while (!text.empty()) {
        std::size_t end = text.find('\n');
        std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (!isUtf8(line) || hasControl(line)) {
            problem("not plain UTF-8 text");
        } else if (line[0] == '[') {
            section = line.back() == ']' ? std::string(trim(line.substr(1, line.size() - 2))) : std::string();
            if (!isName(section))
                problem("expected [section], found " + oneLine(line, 60));
            else if (!sections.insert(section).second)
                problem("section [" + section + "] appears twice");
        } else if (std::size_t equals = line.find('='); equals == std::string_view::npos) {
            problem("expected key = value, found " + oneLine(line, 60));
        } else {
            std::string key(trim(line.substr(0, equals)));
            if (!isName(key))
                problem("'" + oneLine(key, 60) + "' is not the name of a key");
            else if (!keys.insert({section, key}).second)
                problem("key '" + key + "' appears twice in one section");
            else
                put({section, key, std::string(trim(line.substr(equals + 1))), name, number});
        }
    }
    return _problems.size() == before;
}

void IniFile::put(IniEntry entry) {
    auto same = [&](const IniEntry& e) { return e.section == entry.section && e.key == entry.key; };
    auto at = std::find_if(_entries.begin(), _entries.end(), same);
    if (at == _entries.end())
        _entries.push_back(std::move(entry));
    else
        *at = std::move(entry);
}

const IniEntry* IniFile::find(std::string_view section, std::string_view key) const {
    for (const IniEntry& entry : _entries)
        if (entry.section == section && entry.key == key) return &entry;
    return nullptr;
}

std::string IniFile::get(std::string_view section, std::string_view key, std::string_view otherwise) const {
    const IniEntry* entry = find(section, key);
    return entry ? entry->value : std::string(otherwise);
}

} // namespace usher
