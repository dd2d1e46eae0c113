#include "session/Roles.h"

#include <algorithm>
#include <array>

namespace usher::session {

namespace {

/// What everybody who signed in may look at. Users, sessions and the audit log are not among it.
constexpr std::array<std::string_view, 10> kReadable{"job",    "test",     "run",     "key",    "node",
                                                     "plugin", "schedule", "webhook", "secret", "artifact"};
/// Parts of a job that an editor keeps, their deletion included; jobs, tests and keys are deleted by an
/// admin.
constexpr std::array<std::string_view, 3> kEditorOwns{"schedule", "webhook", "secret"};
constexpr std::array<std::string_view, 9> kEditorMay{"job.create",  "job.update",  "job.trigger",
                                                     "test.create", "test.update", "run.cancel",
                                                     "run.rerun",   "key.create",  "key.update"};
constexpr std::array<std::string_view, 4> kOpen{"session.create", "session.read", "session.delete",
                                                "setup.create"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Role leastRole(std::string_view action) {
    const std::size_t dot = action.find('.');
    if (dot == std::string_view::npos) return Role::admin;
    const std::string_view noun = action.substr(0, dot), verb = action.substr(dot + 1);
    if ((verb == "list" || verb == "read") && contains(kReadable, noun)) return Role::viewer;
    if (contains(kEditorMay, action)) return Role::editor;
    if ((verb == "create" || verb == "update" || verb == "delete") && contains(kEditorOwns, noun))
        return Role::editor;
    return Role::admin;
}

} // namespace

std::optional<Role> parseRole(std::string_view text) {
    if (text == "viewer") return Role::viewer;
    if (text == "editor") return Role::editor;
    if (text == "admin") return Role::admin;
    return std::nullopt;
}

Role roleOf(std::string_view text) {
    return parseRole(text).value_or(Role::viewer);
}

std::string_view toText(Role role) {
    switch (role) {
    case Role::viewer:
        return "viewer";
    case Role::editor:
        return "editor";
    case Role::admin:
        return "admin";
    }
    return "viewer";
}

bool isOpen(std::string_view action) {
    return contains(kOpen, action);
}

bool permits(Role role, std::string_view action) {
    return role >= leastRole(action);
}

} // namespace usher::session
