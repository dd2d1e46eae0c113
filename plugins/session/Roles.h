#pragma once

#include <optional>
#include <string_view>

namespace usher::session {

/// What a user may do. Each includes the one before it.
enum class Role { viewer, editor, admin };

/// Of `user.role`; NULL and what we do not know count as viewer, the least.
Role roleOf(std::string_view text);
/// Only the three names that may be given to a user.
std::optional<Role> parseRole(std::string_view text);
std::string_view toText(Role role);

/// Signing in, signing out, asking who one is, and the first setup: allowed to anybody.
bool isOpen(std::string_view action);
/// The table of roles and actions. An action that it does not name needs an admin.
bool permits(Role role, std::string_view action);

} // namespace usher::session
