#pragma once

#include <stdexcept>
#include <string>

namespace usher {

/// What was asked for lies on a node that does not answer now. The request is answered 503 with its name.
class NodeUnreachable : public std::runtime_error {
public:
    NodeUnreachable(std::string node, const std::string& why)
        : std::runtime_error("node " + node + ": " + why), _node(std::move(node)) {}
    const std::string& node() const { return _node; }

private:
    std::string _node;
};

} // namespace usher
