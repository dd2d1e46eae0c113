#include "http/Exchange.h"

namespace usher {

const std::string& HttpRequest::field(const std::string& name) const {
    static const std::string absent;
    const auto found = head.find(name); // Poco compares names without regard to case
    return found == head.end() ? absent : found->second;
}

} // namespace usher
