#pragma once

#include "base/Clock.h"
#include "domain/Authenticator.h"
#include "domain/TriggerStore.h"

#include <atomic>
#include <map>
#include <mutex>

namespace usher::test {

/// Time that moves when a test says so.
class FakeClock final : public Clock {
public:
    Micros now() const override { return _now; }
    Instant instant() const override { return Instant(std::chrono::microseconds(_now)); }
    BootMillis bootTime() const override { return _now / 1000; }
    void advance(std::chrono::microseconds by) { _now += by.count(); }

private:
    std::atomic<Micros> _now{1'800'000'000'000'000};
};

/// Settlements that only count.
struct SettlementCount {
    std::atomic<int> accepted{0}, abandoned{0}, unknown{0};
};

class CountingSettlement final : public Settlement {
public:
    explicit CountingSettlement(SettlementCount& count) : _count(count) {}
    ~CountingSettlement() override { abandoned(); }
    void accepted(const std::string&) override { settle(_count.accepted); }
    void abandoned() override { settle(_count.abandoned); }
    void unknown() override { settle(_count.unknown); }

private:
    void settle(std::atomic<int>& kind) {
        if (!_settled.exchange(true)) ++kind;
    }
    SettlementCount& _count;
    std::atomic<bool> _settled{false};
};

/// Says what it was told to say, at once, and remembers whether it was asked.
class ScriptedAuthenticator final : public Authenticator {
public:
    ScriptedAuthenticator(std::string name, Verdict verdict)
        : verdict(std::move(verdict)), _name(std::move(name)) {}

    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest> request, Done done) override {
        ++asked;
        lastRequest = std::move(request);
        Answer answer{verdict, {}};
        if (verdict.decision == Decision::allow)
            answer.settlements.push_back(std::make_unique<CountingSettlement>(settlements));
        if (hold)
            held.push_back({std::move(done), std::move(answer)});
        else
            done(std::move(answer));
    }
    void releaseHeld() {
        auto waiting = std::move(held);
        held.clear();
        for (auto& [done, answer] : waiting) done(std::move(answer));
    }

    Verdict verdict;
    SettlementCount settlements;
    std::atomic<int> asked{0};
    bool hold = false;
    std::vector<std::pair<Done, Answer>> held;
    std::shared_ptr<const AuthRequest> lastRequest;

private:
    std::string _name;
};

inline Verdict allowed(std::string id = "api-key:1") {
    Verdict verdict;
    verdict.decision = Decision::allow;
    verdict.principal = {std::move(id), "ci", ""};
    return verdict;
}

inline Verdict saying(Decision decision, std::string code = {}, int status = 0) {
    Verdict verdict;
    verdict.decision = decision;
    verdict.code = std::move(code);
    verdict.title = verdict.code;
    verdict.httpStatus = status;
    return verdict;
}

} // namespace usher::test
