#pragma once

#include "domain/Authenticator.h"

#include <functional>
#include <string>
#include <vector>

namespace usher {

class Shadow;

/// Several authenticators asked in order, as one. Mode first: the first that does not abstain decides. Mode
/// all: every one must allow. Nobody is asked after a DENY or an ERROR, and when all abstain the request is
/// refused in the words of the first who gave any. There is no way to be let in but by an ALLOW. Borrows its
/// members; immutable, hence [any-thread].
class AuthChain final : public Authenticator {
public:
    enum class Mode { first, all };

    /// `shadow` is told each answer; null: nobody is.
    AuthChain(std::string name, Mode mode, std::vector<Authenticator*> members, Shadow* shadow = nullptr);

    /// What one member said, or that nobody asked it.
    struct Step {
        std::string member;
        bool asked = false;
        Verdict verdict;
    };
    struct Explanation {
        std::vector<Step> steps; ///< in order
        Verdict outcome;         ///< what check() would have answered
    };
    using Explained = std::function<void(Explanation)>;

    Mode mode() const { return _mode; }
    std::vector<std::string> memberNames() const;
    /// Asks as check() does and tells every verdict. What an ALLOW cost is given back. `done` is called
    /// once, on any thread. [any-thread]
    void explain(std::shared_ptr<const AuthRequest> request, Explained done) const;

    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest> request, Done done) override;

private:
    struct Walk;
    struct Inquiry;
    void ask(std::shared_ptr<Walk> walk) const;
    static void end(Walk& walk, Answer answer);
    void inquire(std::shared_ptr<Inquiry> inquiry) const;

    std::string _name;
    Mode _mode;
    std::vector<Authenticator*> _members;
    Shadow* _shadow;
};

} // namespace usher
