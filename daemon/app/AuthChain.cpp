#include "app/AuthChain.h"

namespace usher {

/// One request on its way through the chain. Shared because the next step runs wherever the last verdict
/// arrived.
struct AuthChain::Walk {
    std::shared_ptr<const AuthRequest> request;
    Done done;
    std::size_t next = 0;
    Answer answer;                     ///< mode all: what the members so far have allowed
    bool allowed = false;              ///< `answer` holds an ALLOW
    std::optional<Verdict> abstention; ///< the first that gave a code
};

AuthChain::AuthChain(std::string name, Mode mode, std::vector<Authenticator*> members)
    : _name(std::move(name)), _mode(mode), _members(std::move(members)) {}

void AuthChain::check(std::shared_ptr<const AuthRequest> request, Done done) {
    auto walk = std::make_shared<Walk>();
    walk->request = std::move(request);
    walk->done = std::move(done);
    ask(std::move(walk));
}

void AuthChain::ask(std::shared_ptr<Walk> walk) const {
    if (walk->next == _members.size()) {
        if (_mode == Mode::all && walk->allowed) return walk->done(std::move(walk->answer));
        Verdict refusal;
        if (walk->abstention) refusal = std::move(*walk->abstention);
        refusal.decision = Decision::deny;
        if (refusal.httpStatus == 0) refusal.httpStatus = 401;
        if (refusal.code.empty()) {
            refusal.code = "UNAUTHORIZED";
            refusal.title = "Unauthorized";
            refusal.message = "Sign in, or send a credential that this server knows.";
        }
        return walk->done({std::move(refusal), {}});
    }
    Authenticator* member = _members[walk->next++];
    member->check(walk->request, [this, walk](Answer answer) {
        switch (answer.verdict.decision) {
        case Decision::allow:
            if (_mode == Mode::first) return walk->done(std::move(answer));
            for (auto& settlement : answer.settlements)
                walk->answer.settlements.push_back(std::move(settlement));
            if (!walk->allowed) {
                walk->answer.verdict = std::move(answer.verdict);
                auto told = std::make_shared<AuthRequest>(*walk->request);
                told->attributes.emplace_back("principal", walk->answer.verdict.principal.id);
                walk->request = std::move(told);
            } else {
                for (auto& field : answer.verdict.headers)
                    walk->answer.verdict.headers.push_back(std::move(field));
            }
            walk->allowed = true;
            return ask(walk);
        case Decision::abstain:
            if (!walk->abstention && !answer.verdict.code.empty())
                walk->abstention = std::move(answer.verdict);
            if (_mode == Mode::first) return ask(walk);
            // All must allow, and this one did not: nobody after it is asked.
            walk->next = _members.size();
            walk->allowed = false;
            walk->answer = {};
            return ask(walk);
        case Decision::deny:
        case Decision::error:
            walk->answer = {}; // gives back what earlier members charged
            return walk->done(std::move(answer));
        }
    });
}

} // namespace usher
