#include "base/Text.h"
#include "ctl/Amounts.h"
#include "ctl/EventStream.h"
#include "ctl/TerminalText.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::ctl;

/// What comes from people (amounts) and from servers (events, output), turned into what can be trusted.
class TextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TextTest);
    CPPUNIT_TEST(durationsHaveUnits);
    CPPUNIT_TEST(ratesAreACountAndATime);
    CPPUNIT_TEST(escapesNeverReachTheTerminal);
    CPPUNIT_TEST(textSplitAnywhereIsTheSame);
    CPPUNIT_TEST(rawOutputIsUntouched);
    CPPUNIT_TEST(columnsLineUp);
    CPPUNIT_TEST(eventsMayBeCutAnywhere);
    CPPUNIT_TEST(onlyCompleteEventsCountForResuming);
    CPPUNIT_TEST(anEndlessEventIsRefused);
    CPPUNIT_TEST_SUITE_END();

    void durationsHaveUnits() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t(90 * 86'400), *parseDuration("90d"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t(3600), *parseDuration("3600"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t(900), *parseDuration("15m"));
        for (const char* wrong : {"", "d", "-1d", "1.5h", "1y", "1 d", "99999999999999999d", "0x10"})
            CPPUNIT_ASSERT_MESSAGE(wrong, !parseDuration(wrong));
    }
    void ratesAreACountAndATime() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t(100), parseRate("100/60s")->max);
        CPPUNIT_ASSERT_EQUAL(std::int64_t(60), parseRate("100/m")->windowSeconds);
        for (const char* wrong : {"", "100", "/60s", "100/", "0/60s", "100/0s", "none", "100/60s/2"})
            CPPUNIT_ASSERT_MESSAGE(wrong, !parseRate(wrong));
    }
    static std::string shown(const std::string& text) {
        OutputFilter filter(false);
        std::string out = filter.feed(text);
        return out + filter.finish();
    }
    void escapesNeverReachTheTerminal() {
        CPPUNIT_ASSERT_EQUAL(std::string("\\x1b[31mred\n\ttab"), shown("\x1b[31mred\n\ttab"));
        CPPUNIT_ASSERT_EQUAL(std::string("a\nb\\x0dc"), shown("a\r\nb\rc"));
        CPPUNIT_ASSERT_EQUAL(std::string("\\xc2\\x9b31m"), shown("\xC2\x9B"
                                                                 "31m"));            // C1: one-character CSI
        CPPUNIT_ASSERT_EQUAL(std::string("\\xe2\\x80\\xae"), shown("\xE2\x80\xAE")); // right-to-left override
        CPPUNIT_ASSERT_EQUAL(std::string("\\xff\\xc3("), shown("\xff\xc3("));        // not UTF-8
        CPPUNIT_ASSERT_EQUAL(std::string("\\xed\\xa0\\x80"), shown("\xed\xa0\x80")); // a surrogate
        CPPUNIT_ASSERT_EQUAL(std::string("\\xe2\\x82"), shown("\xe2\x82"));          // cut off
        CPPUNIT_ASSERT_EQUAL(std::string("\\x00\\x07\\x7f"), shown(std::string("\0\a\x7f", 3)));
        CPPUNIT_ASSERT_EQUAL(std::string("grüße 😀"), shown("grüße 😀"));
        CPPUNIT_ASSERT_EQUAL(std::string("one two"), harmless("one\ntwo"));
    }
    void textSplitAnywhereIsTheSame() {
        const std::string text = "a\r\nü😀\x1b[0m\xE2\x80\xAE\xff"
                                 "end\r\n";
        for (std::size_t i = 0; i <= text.size(); ++i) {
            OutputFilter filter(false);
            std::string out = filter.feed(text.substr(0, i));
            out += filter.feed(text.substr(i));
            CPPUNIT_ASSERT_EQUAL(shown(text), out + filter.finish());
        }
    }
    void rawOutputIsUntouched() {
        OutputFilter filter(true);
        CPPUNIT_ASSERT_EQUAL(std::string("\x1b[31m\xff"), filter.feed("\x1b[31m\xff"));
    }
    void columnsLineUp() {
        Table table({"NAME", "N"});
        table.add({"größe", "1"});
        table.add({"x\x1b", "22"});
        CPPUNIT_ASSERT_EQUAL(std::string("NAME   N\ngröße  1\nx\\x1b  22\n"), table.text());
    }
    void eventsMayBeCutAnywhere() {
        const std::string text = ": ping\n\nid: 7\nevent: log\ndata: {\"a\":1}\ndata: two\n\ndata:x\r\n\r\n";
        for (std::size_t i = 0; i <= text.size(); ++i) {
            EventStream stream;
            std::vector<StreamEvent> events = stream.feed(text.substr(0, i));
            for (StreamEvent& event : stream.feed(text.substr(i))) events.push_back(std::move(event));
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), events.size());
            CPPUNIT_ASSERT_EQUAL(std::string("log"), events[0].type);
            CPPUNIT_ASSERT_EQUAL(std::string("{\"a\":1}\ntwo"), events[0].data);
            CPPUNIT_ASSERT_EQUAL(std::string("7"), events[0].id);
            CPPUNIT_ASSERT_EQUAL(std::string("message"), events[1].type);
            CPPUNIT_ASSERT_EQUAL(std::string("x"), events[1].data);
        }
    }
    void onlyCompleteEventsCountForResuming() {
        EventStream stream;
        stream.feed("id: 1\ndata: a\n\nid: 2\ndata: half");
        CPPUNIT_ASSERT_EQUAL(std::string("1"), stream.lastId());
        stream.restart();
        std::vector<StreamEvent> events = stream.feed("id: 2\ndata: whole\n\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), events.size());
        CPPUNIT_ASSERT_EQUAL(std::string("whole"), events[0].data);
        CPPUNIT_ASSERT_EQUAL(std::string("2"), stream.lastId());
    }
    void anEndlessEventIsRefused() {
        EventStream stream;
        CPPUNIT_ASSERT_THROW(for (int i = 0; i < 100; ++i) stream.feed(std::string(64 * 1024, 'x')),
                             std::runtime_error);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TextTest);
