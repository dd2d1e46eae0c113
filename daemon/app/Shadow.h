#pragma once

#include "domain/Authenticator.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace usher {

/// Shadow mode: one more plugin is asked beside the live chains, after they have answered, so that an
/// operator sees what would change before it does. It never decides and delays nobody; what its ALLOW cost is
/// given back. Differences (it would let in whom the chain refused, or the other way round) are counted, and
/// reported at most once a second. Borrows the plugin. [any-thread]
class Shadow {
public:
    using Report = std::function<void(const std::string& line)>;
    Shadow(Authenticator& plugin, Report report) : _plugin(plugin), _report(std::move(report)) {}

    /// `live` is what the chain answered.
    void ask(const std::string& chain, std::shared_ptr<const AuthRequest> request, const Verdict& live);

    const std::string& name() const { return _plugin.name(); }
    std::uint64_t asked() const { return _asked; }
    std::uint64_t differences() const { return _differences; }
    std::uint64_t errors() const { return _errors; } ///< it could not judge; no difference

private:
    Authenticator& _plugin;
    const Report _report;
    std::atomic<std::uint64_t> _asked{0}, _differences{0}, _errors{0};
    std::atomic<std::int64_t> _reportedAt{0}; ///< monotonic seconds
};

} // namespace usher
