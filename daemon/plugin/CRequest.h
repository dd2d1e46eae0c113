#pragma once

#include "plugin/CallTable.h"

namespace usher {

/// Writes slot.c (and slot.route->c) from slot.request: pointers into the request, which the slot keeps
/// alive. By the thread that is about to call the plugin, while `inside` holds the slot.
void fillRequest(CallSlot& slot);

} // namespace usher
