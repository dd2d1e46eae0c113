#include "app/NodeWatch.h"

namespace usher {

namespace {

constexpr BootMillis kBlind = 8000; ///< looks are a second apart; beyond this we were away ourselves

} // namespace

std::vector<Node> NodeWatch::look(const std::vector<Node>& nodes, BootMillis now) {
    _newlyLost.clear();
    _back.clear();
    const bool blind = now - _lastLook > kBlind;
    _lastLook = now;
    std::map<std::string, Seen> seen;
    std::vector<Node> lost;
    for (const Node& node : nodes) {
        if (node.id == _self) continue;
        auto before = _seen.find(node.id);
        const bool known = before != _seen.end();
        Seen one{node.beats, now, false};
        if (known && before->second.beats == node.beats) {
            one = before->second;
            if (blind && !one.lost) one.since = now;
            one.lost = one.lost || now - one.since >= BootMillis{node.leaseSeconds} * 1000;
        }
        if (one.lost) lost.push_back(node);
        if (one.lost && !before->second.lost) _newlyLost.push_back(node.name);
        if (known && before->second.lost && !one.lost) _back.push_back(node.name);
        seen.emplace(node.id, one);
    }
    _seen = std::move(seen);
    return lost;
}

} // namespace usher
