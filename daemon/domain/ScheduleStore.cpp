#include "domain/ScheduleStore.h"

namespace usher {

std::string_view toText(OnMissed value) {
    return value == OnMissed::skip ? "skip" : "run-once";
}

std::optional<OnMissed> onMissedFrom(std::string_view text) {
    if (text == "run-once") return OnMissed::runOnce;
    if (text == "skip") return OnMissed::skip;
    return std::nullopt;
}

} // namespace usher
