#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace usher::ctl {

/// Makes bytes that a stranger wrote (a test's output) safe to show on a terminal: everything but text,
/// newline and tab becomes \xNN: control characters, escape sequences, C1 controls, marks that reorder text,
/// bytes that are not UTF-8. A character may be split between two pieces. Not synchronised.
class OutputFilter {
public:
    /// `raw` passes every byte: for people who trust the output and want its colours, and for files and
    /// pipes.
    explicit OutputFilter(bool raw) : _raw(raw) {}
    std::string feed(std::string_view piece);
    /// What was held back, waiting for the rest of a character.
    std::string finish();

private:
    bool _raw;
    std::string _held;
};

/// One line that is safe to show: a name, a message of the server.
std::string harmless(std::string_view text);

/// Columns under their headings, as wide as their longest cell. Cells are made harmless.
class Table {
public:
    explicit Table(std::vector<std::string> headings) : _rows{std::move(headings)} {}
    void add(std::vector<std::string> cells) { _rows.push_back(std::move(cells)); }
    bool empty() const { return _rows.size() == 1; }
    std::string text() const;

private:
    std::vector<std::vector<std::string>> _rows;
};

} // namespace usher::ctl
