#pragma once

#include "domain/Authenticator.h"

#include <string>
#include <vector>

namespace usher {

/// Several authenticators asked in order, as one. Mode first: the first that does not abstain decides. Mode
/// all: every one must allow. Nobody is asked after a DENY or an ERROR, and when all abstain the request is
/// refused in the words of the first who gave any. There is no way to be let in but by an ALLOW. Borrows its
/// members; immutable, hence [any-thread].
class AuthChain final : public Authenticator {
public:
    enum class Mode { first, all };

    AuthChain(std::string name, Mode mode, std::vector<Authenticator*> members);

    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest> request, Done done) override;

private:
    struct Walk;
    void ask(std::shared_ptr<Walk> walk) const;

    std::string _name;
    Mode _mode;
    std::vector<Authenticator*> _members;
};

} // namespace usher
