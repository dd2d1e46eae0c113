#include "exec/TapReport.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

class TapReportTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TapReportTest);
    CPPUNIT_TEST(pointsBecomeCases);
    CPPUNIT_TEST(messagesComeFromYamlOrDiagnostics);
    CPPUNIT_TEST(otherOutputIsPassedOver);
    CPPUNIT_TEST(itDoesNotMatterHowItIsCut);
    CPPUNIT_TEST(aStreamThatBreaksItsWordSaysSo);
    CPPUNIT_TEST(hostileStreamsAreBounded);
    CPPUNIT_TEST(aTypeThatSaysSoHasItsOutputRead);
    CPPUNIT_TEST(secretsAreMaskedInCases);
    CPPUNIT_TEST_SUITE_END();

    static std::vector<TestCase> read(const std::string& text) {
        TapReport report;
        report.feed(text);
        return report.finish();
    }
    static std::string show(const std::string& text) {
        std::string all;
        for (const TestCase& one : read(text))
            all +=
                one.status + "|" + one.name + "|" + std::to_string(one.durationMs) + "|" + one.message + "\n";
        return all;
    }

    void pointsBecomeCases() {
        CPPUNIT_ASSERT_EQUAL(std::string("passed|first|0|\n"
                                         "failed|second # with hash|0|\n"
                                         "skipped|third|0|SKIP no network\n"
                                         "skipped|fourth|0|TODO later\n"
                                         "passed|fifth|0|\n"
                                         "passed|6|0|\n"
                                         "passed|seventh|13|\n"),
                             show("TAP version 14\n1..7\nok 1 - first\r\nnot ok 2 - second \\# with hash\n"
                                  "ok 3 - third # SKIP no network\nnot ok 4 - fourth # TODO later\n"
                                  "ok 5 fifth # todo done already\nok\nok 7 - seventh # time=12.6ms\n"));
    }
    void messagesComeFromYamlOrDiagnostics() {
        CPPUNIT_ASSERT_EQUAL(
            std::string("failed|a|250|expected 1\nfailed|b|0|at b.t line 3\ngot 2\npassed|c|0|\n"),
            show("not ok 1 - a\n  ---\n  message: 'expected 1'\n  duration_ms: 249.7\n  ok: 1\n  ...\n# not "
                 "this\n"
                 "not ok 2 - b\n# at b.t line 3\n# got 2\nok 3 - c\n# nothing\n1..3\n"));
    }
    void otherOutputIsPassedOver() {
        CPPUNIT_ASSERT_EQUAL(std::string("passed|real|0|\n"),
                             show("okay\nnot okay\n# Subtest: x\n    ok 1 - inner\n    1..1\nok 1 - real\n"
                                  "hello\n1..1\npragma +strict\n1..x\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(), show("no TAP at all\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(), show("1..0 # SKIP nothing to do\n"));
    }
    void itDoesNotMatterHowItIsCut() {
        const std::string text = "1..2\nnot ok 1 - a\n  ---\n  message: m\n  ...\nok 2 - b";
        const std::string whole = show(text);
        for (std::size_t step = 1; step < 9; ++step) {
            TapReport report;
            for (std::size_t at = 0; at < text.size(); at += step) report.feed(text.substr(at, step));
            std::string all;
            for (const TestCase& one : report.finish())
                all += one.status + "|" + one.name + "|" + std::to_string(one.durationMs) + "|" +
                       one.message + "\n";
            CPPUNIT_ASSERT_EQUAL(whole, all);
        }
        CPPUNIT_ASSERT_EQUAL(std::string("failed|a|0|m\npassed|b|0|\n"), whole);
    }
    void aStreamThatBreaksItsWordSaysSo() {
        CPPUNIT_ASSERT_EQUAL(std::string("passed|a|0|\nerror|TAP|0|3 cases were planned, 1 came\n"),
                             show("1..3\nok 1 - a\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("passed|a|0|\nerror|TAP|0|there is no plan: cases may be missing\n"),
                             show("ok 1 - a\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("passed|a|0|\nerror|TAP|0|point 1 has the number 2\n"),
                             show("1..1\nok 2 - a\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("passed|a|0|\nerror|TAP|0|bailed out: no disk\n"),
                             show("1..9\nok 1 - a\nBail out! no disk\nok 2 - never\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("passed|a|0|\nerror|TAP|0|a second plan\n"),
                             show("1..1\nok 1 - a\n1..5\n"));
    }
    void hostileStreamsAreBounded() {
        std::string many;
        for (int i = 0; i < 10'100; ++i) many += "ok\n";
        auto cases = read("1..10100\n" + many);
        CPPUNIT_ASSERT_EQUAL(std::size_t{10'001}, cases.size());
        CPPUNIT_ASSERT_EQUAL(std::string("only the first 10000 of 10100 cases are kept"),
                             cases.back().message);
        // One endless line, names and messages that are too long, numbers that are none.
        cases = read("1..3\nok 1 " + std::string(5'000'000, 'x') + "\nnot ok 2 - b\n# " +
                     std::string(3'900, 'm') + "\n# " + std::string(3'900, 'n') +
                     "\nok 99999999999999999999 c\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, cases.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{500}, cases[0].name.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2000}, cases[1].message.size());
        CPPUNIT_ASSERT_EQUAL(std::string("99999999999999999999 c"), cases[2].name);
        // Bytes that mean something to a terminal or to nobody.
        cases = read("1..2\nok 1 - a\x1b[2J" + std::string(1, '\0') + "b\nok 2 - \xff\xfe\n");
        CPPUNIT_ASSERT_EQUAL(std::string("a b"), cases[0].name);
        CPPUNIT_ASSERT(parseJson(toText(toJson(cases))).index() == 0);
        std::string text = "1..10000\n";
        for (int i = 0; i < 10'000; ++i)
            text += "not ok\n# " + std::string(2'000, 'x') + "\n# " + std::string(2'000, 'y') + "\n";
        CPPUNIT_ASSERT(toText(toJson(read(text))).size() < (4u << 20));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, read("  ---\n  message: nobody's\n  ...\n# nor this\n").size());
    }
    void aTypeThatSaysSoHasItsOutputRead() {
        Host host("interpreter.shell.tap = yes\n");
        ClaimedRun job =
            host.job({"echo 1..2; echo 'ok 1 - a'; echo 'not ok 2 - b'; "
                      "echo '<testsuite><testcase name=\"c\"/></testsuite>' > $USHER_RESULTS/r.xml; "
                      "exit 1"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(std::string(R"([{"durationMs":0,"message":"","name":"a","status":"passed"},)"
                                         R"({"durationMs":0,"message":"","name":"b","status":"failed"},)"
                                         R"({"durationMs":0,"message":"","name":"c","status":"passed"}])"),
                             outcome.tests.at(0).casesJson);
        Host other;
        CPPUNIT_ASSERT_EQUAL(std::string("[]"), other.run("echo 1..1; echo ok").tests.at(0).casesJson);
    }
    void secretsAreMaskedInCases() {
        Host host("interpreter.shell.tap = yes\n");
        ClaimedRun job = host.job({"echo 1..1; echo \"ok 1 - $TOKEN\""});
        job.hasSecrets = true;
        job.secrets = {{"TOKEN", "canary-value-1"}};
        host.executor.reset();
        ExecSettings settings = host.settings();
        settings.secretsOf = [&](const std::string&) { return job.secrets; };
        host.executor = std::make_unique<LeaderProcess>(std::move(settings), host.listener, host.clock);
        CPPUNIT_ASSERT_EQUAL(std::string(R"([{"durationMs":0,"message":"","name":"***","status":"passed"}])"),
                             host.run(job).tests.at(0).casesJson);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TapReportTest);
