#include "app/AuthChain.h"

#include "app/RateLimitFields.h"
#include "app/Shadow.h"
#include "base/Text.h"
#include "domain/RefusalWords.h"

namespace usher {

/// One request on its way through the chain. Shared because the next step runs wherever the last verdict
/// arrived.
struct AuthChain::Walk {
    std::shared_ptr<const AuthRequest> request;
    Done done;
    std::size_t next = 0;
    Answer answer;                     ///< mode all: what the members so far have allowed
    bool allowed = false;              ///< `answer` holds an ALLOW
    std::optional<Verdict> abstention; ///< see keepWords()
};

/// One question about the chain itself.
struct AuthChain::Inquiry {
    std::shared_ptr<const AuthRequest> request;
    Explained done;
    std::size_t next = 0;
    Explanation explanation;
    std::optional<Verdict> abstention; ///< see keepWords()
    bool allowed = false;
    bool over = false; ///< nobody else is asked
};

namespace {

/// Keeps the abstention whose words count when everybody abstains: the first with a code, else the first that
/// said anything to the client, be it a status or a field.
void keepWords(std::optional<Verdict>& kept, Verdict abstention) {
    const bool coded = !abstention.code.empty();
    const bool speaks = coded || abstention.httpStatus != 0 || !abstention.title.empty() ||
                        !abstention.headers.empty() || abstention.guess;
    if (speaks && (!kept || (coded && kept->code.empty()))) kept = std::move(abstention);
}

/// All abstained: the words of the first who gave any.
Verdict nobodyAllowed(std::optional<Verdict> abstention) {
    Verdict refusal;
    if (abstention) refusal = std::move(*abstention);
    refusal.decision = Decision::deny;
    if (refusal.httpStatus == 0) refusal.httpStatus = 401;
    const RefusalWords words = refusalWords(refusal.httpStatus);
    if (refusal.code.empty()) refusal.code = words.code;
    if (refusal.title.empty()) refusal.title = words.title;
    if (refusal.message.empty()) refusal.message = words.message;
    return refusal;
}

/// Mode all: what another ALLOW says to the client. Of two windows the tighter one is shown.
void join(Verdict& all, Verdict one) {
    const bool tighter = one.limits && (!all.limits || one.limits->remaining < all.limits->remaining);
    auto isLimit = [](const auto& field) { return isRateLimitField(field.first); };
    if (one.limits || all.limits) std::erase_if(tighter ? all.headers : one.headers, isLimit);
    if (tighter) all.limits = one.limits;
    for (auto& field : one.headers) all.headers.push_back(std::move(field));
}

} // namespace

AuthChain::AuthChain(std::string name, Mode mode, std::vector<Authenticator*> members, Shadow* shadow)
    : _name(std::move(name)), _mode(mode), _members(std::move(members)), _shadow(shadow) {}

void AuthChain::check(std::shared_ptr<const AuthRequest> request, Done done) {
    auto walk = std::make_shared<Walk>();
    walk->request = request;
    walk->done = std::move(done);
    if (_shadow)
        walk->done = [shadow = _shadow, chain = _name, request,
                      answered = std::move(walk->done)](Answer answer) {
            const Verdict live = answer.verdict;
            answered(std::move(answer));
            shadow->ask(chain, request, live);
        };
    ask(std::move(walk));
}

/// What of the verdict reaches the client stands in its fields from here on.
void AuthChain::end(Walk& walk, Answer answer) {
    Verdict& verdict = answer.verdict;
    if (verdict.limits) addRateLimitFields(verdict.headers, *verdict.limits);
    // A credential that starts a run is no session, so there is none to extend.
    if (walk.request->action == "job.trigger")
        std::erase_if(verdict.headers,
                      [](const auto& field) { return equalsIgnoreCase(field.first, "Set-Cookie"); });
    walk.done(std::move(answer));
}

void AuthChain::ask(std::shared_ptr<Walk> walk) const {
    if (walk->next == _members.size()) {
        if (_mode == Mode::all && walk->allowed) return end(*walk, std::move(walk->answer));
        return end(*walk, {nobodyAllowed(std::move(walk->abstention)), {}});
    }
    Authenticator* member = _members[walk->next++];
    member->check(walk->request, [this, walk](Answer answer) {
        switch (answer.verdict.decision) {
        case Decision::allow:
            if (_mode == Mode::first) return end(*walk, std::move(answer));
            for (auto& settlement : answer.settlements)
                walk->answer.settlements.push_back(std::move(settlement));
            if (!walk->allowed) {
                walk->answer.verdict = std::move(answer.verdict);
                auto told = std::make_shared<AuthRequest>(*walk->request);
                told->attributes.emplace_back("principal", walk->answer.verdict.principal.id);
                walk->request = std::move(told);
            } else {
                join(walk->answer.verdict, std::move(answer.verdict));
            }
            walk->allowed = true;
            return ask(walk);
        case Decision::abstain:
            keepWords(walk->abstention, std::move(answer.verdict));
            if (_mode == Mode::first) return ask(walk);
            // All must allow, and this one did not: nobody after it is asked.
            walk->next = _members.size();
            walk->allowed = false;
            walk->answer = {};
            return ask(walk);
        case Decision::deny:
        case Decision::error:
            walk->answer = {}; // gives back what earlier members charged
            return end(*walk, std::move(answer));
        }
    });
}

std::vector<std::string> AuthChain::memberNames() const {
    std::vector<std::string> names;
    for (const Authenticator* member : _members) names.push_back(member->name());
    return names;
}

void AuthChain::explain(std::shared_ptr<const AuthRequest> request, Explained done) const {
    auto inquiry = std::make_shared<Inquiry>();
    inquiry->request = std::move(request);
    inquiry->done = std::move(done);
    inquire(std::move(inquiry));
}

void AuthChain::inquire(std::shared_ptr<Inquiry> inquiry) const {
    Explanation& told = inquiry->explanation;
    if (inquiry->over || inquiry->next == _members.size()) {
        while (inquiry->next < _members.size())
            told.steps.push_back({_members[inquiry->next++]->name(), false, {}});
        const bool decided =
            inquiry->allowed || told.outcome.decision == Decision::deny || !told.outcome.code.empty();
        if (!decided) told.outcome = nobodyAllowed(std::move(inquiry->abstention));
        return inquiry->done(std::move(told));
    }
    Authenticator* member = _members[inquiry->next++];
    member->check(inquiry->request, [this, inquiry, member](Answer answer) {
        // Ended unsettled, so nothing is spent; now, for whoever is told may use the credential at once.
        answer.settlements.clear();
        Explanation& told = inquiry->explanation;
        Verdict& verdict = answer.verdict;
        told.steps.push_back({member->name(), true, verdict});
        switch (verdict.decision) {
        case Decision::allow:
            if (!inquiry->allowed) {
                auto next = std::make_shared<AuthRequest>(*inquiry->request);
                next->attributes.emplace_back("principal", verdict.principal.id);
                inquiry->request = std::move(next);
                told.outcome = std::move(verdict);
            }
            inquiry->allowed = true;
            inquiry->over = _mode == Mode::first;
            break;
        case Decision::abstain:
            keepWords(inquiry->abstention, std::move(verdict));
            if (_mode == Mode::all) {
                inquiry->over = true;
                inquiry->allowed = false;
                told.outcome = {};
            }
            break;
        case Decision::deny:
        case Decision::error:
            told.outcome = std::move(verdict);
            inquiry->allowed = false;
            inquiry->over = true;
            if (told.outcome.code.empty()) told.outcome.code = "AUTH_UNAVAILABLE";
            break;
        }
        inquire(inquiry);
    });
}

} // namespace usher
