#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// `key = value` as it stood in a file.
struct IniEntry {
    std::string section; ///< "" before the first [section]
    std::string key;
    std::string value; ///< without white space at its ends; may be empty
    std::string file;
    int line = 0;
};

struct IniProblem {
    std::string file;
    int line = 0; ///< 0: the whole file
    std::string message;

    /// "FILE:LINE: message"
    std::string text() const;
};

/// Strict reader of the daemon's configuration: [section], `key = value`, whole lines of comment after # or
/// ;. There are no comments behind a value, no quotes and no continued lines: what stands there is the value.
/// Wrong lines, a section or key that appears twice in one file, and bytes that are not UTF-8 are problems;
/// all are collected, so that a person sees them at once. A later file overrides an earlier one key by key.
/// Not synchronised.
class IniFile {
public:
    /// Adds a file of at most 1 MiB. False when there was any problem with it.
    bool read(const std::string& path);
    /// read(path), then the files conf.d/*.conf beside it by name.
    bool readWithDropIns(const std::string& path);
    /// The same for a text; `name` stands for the file in problems.
    bool parse(std::string_view text, const std::string& name);

    /// One entry per section and key, in order of first appearance.
    const std::vector<IniEntry>& entries() const { return _entries; }
    const std::vector<IniProblem>& problems() const { return _problems; }
    /// Null when it is not there.
    const IniEntry* find(std::string_view section, std::string_view key) const;
    /// Its value, or `otherwise`.
    std::string get(std::string_view section, std::string_view key, std::string_view otherwise = {}) const;

private:
    void put(IniEntry entry);

    std::vector<IniEntry> _entries;
    std::vector<IniProblem> _problems;
};

} // namespace usher
