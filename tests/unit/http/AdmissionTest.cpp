#include "http/Admission.h"

#include "support/Fakes.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

namespace {

class SeenExchange final : public Exchange {
public:
    const HttpRequest& request() const override { return _request; }
    bool reply(Reply reply) override {
        if (answered++ > 0) return false;
        seen = std::move(reply);
        return true;
    }
    std::unique_ptr<ReplyStream> stream(Reply head) override { return reply(std::move(head)), nullptr; }
    void onAbandoned(std::function<void()>) override {}

    Reply seen;
    int answered = 0;

private:
    HttpRequest _request;
};

} // namespace

/// What becomes of an ALLOW, by what is answered.
class AdmissionTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AdmissionTest);
    CPPUNIT_TEST(theStatusSettles);
    CPPUNIT_TEST(whatIsKnownBetterSettlesFirst);
    CPPUNIT_TEST(anAnswerThatComesTooLateSettlesToo);
    CPPUNIT_TEST(whatMayTakeItsTimeIsAwaited);
    CPPUNIT_TEST(theAnswersOwnFieldsCount);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<SeenExchange> _exchange;
    std::shared_ptr<Admission> _admission;
    SettlementCount _count;

public:
    void setUp() override { admit(); }

private:
    void admit(Fields fields = {}) {
        _admission.reset();
        settled(); // what the one before was told
        _exchange = std::make_shared<SeenExchange>();
        _admission = std::make_shared<Admission>(_exchange);
        std::vector<std::unique_ptr<Settlement>> settlements;
        settlements.push_back(std::make_unique<CountingSettlement>(_count));
        _admission->let(std::move(fields), std::move(settlements));
    }
    /// Since the last look.
    std::string settled() {
        auto take = [](std::atomic<int>& count) { return std::to_string(count.exchange(0)); };
        return take(_count.accepted) + take(_count.abandoned) + take(_count.unknown);
    }

    void theStatusSettles() {
        for (int status : {200, 202, 304, 400, 404, 429, 503})
            for (bool streamed : {false, true}) {
                admit();
                if (streamed)
                    _admission->stream(Reply::text(status, ""));
                else
                    _admission->reply(Reply::text(status, ""));
                CPPUNIT_ASSERT_EQUAL(std::string(status < 400 ? "100" : "010"), settled());
                _admission->reply(Reply::text(500, "")); // once
                CPPUNIT_ASSERT_EQUAL(std::string("000"), settled());
            }
        admit();
        _admission.reset(); // dropped without an answer
        CPPUNIT_ASSERT_EQUAL(std::string("010"), settled());
    }
    void whatIsKnownBetterSettlesFirst() {
        _admission->unknown();
        CPPUNIT_ASSERT_EQUAL(std::string("001"), settled());
        admit();
        _admission->giveBack();
        CPPUNIT_ASSERT_EQUAL(std::string("010"), settled());
        admit();
        _admission->accept();
        CPPUNIT_ASSERT_EQUAL(std::string("100"), settled());
        _admission->reply(Reply::text(500, ""));
        CPPUNIT_ASSERT_EQUAL(std::string("000"), settled());
    }
    void anAnswerThatComesTooLateSettlesToo() {
        for (bool plugin : {false, true}) {
            admit({{"RateLimit-Limit", "5"}});
            _admission->waitForPlugin(plugin);
            _admission->overtime();
            CPPUNIT_ASSERT_EQUAL(503, _exchange->seen.status);
            const std::string code = plugin ? "AUTH_UNAVAILABLE" : "STORAGE_UNAVAILABLE";
            CPPUNIT_ASSERT(_exchange->seen.body.find(code) != std::string::npos);
            CPPUNIT_ASSERT_EQUAL(std::string("RateLimit-Limit"), _exchange->seen.fields.back().first);
            CPPUNIT_ASSERT_EQUAL(std::string("000"), settled()); // the handler still works
            CPPUNIT_ASSERT(!_admission->reply(Reply::text(200, "")));
            CPPUNIT_ASSERT_EQUAL(std::string("100"), settled());
        }
    }
    void whatMayTakeItsTimeIsAwaited() {
        _admission->takeYourTime();
        _admission->overtime();
        CPPUNIT_ASSERT_EQUAL(0, _exchange->answered);
        CPPUNIT_ASSERT(_admission->reply(Reply::text(200, "")));
    }
    void theAnswersOwnFieldsCount() {
        admit({{"retry-after", "9"}, {"Set-Cookie", "a=1"}, {"X-RateLimit-Limit", "5"}});
        _admission->reply(Reply::text(200, "").with("Retry-After", "3").with("Set-Cookie", "b=2"));
        std::string seen;
        for (const auto& [name, value] : _exchange->seen.fields)
            if (name != "Content-Type") seen += name + '=' + value + ' ';
        CPPUNIT_ASSERT_EQUAL(std::string("Retry-After=3 Set-Cookie=b=2 Set-Cookie=a=1 X-RateLimit-Limit=5 "),
                             seen);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AdmissionTest);
