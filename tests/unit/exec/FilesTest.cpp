#include "exec/Files.h"
#include "base/Json.h"
#include "base/Text.h"
#include "exec/JUnitReport.h"
#include "exec/Journal.h"
#include "exec/OutputLog.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

using namespace usher;
using namespace usher::test;

/// Output, journal, artifacts and results: what is kept, what is cut, what is refused.
class FilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FilesTest);
    CPPUNIT_TEST(outputBeyondTheCapKeepsHeadAndTail);
    CPPUNIT_TEST(aCharacterIsNeverCutInTwo);
    CPPUNIT_TEST(hugeOutputIsReadToItsEnd);
    CPPUNIT_TEST(theJournalGivesTheLogFromEveryEntryOn);
    CPPUNIT_TEST(invalidUtf8AndClosedStdoutAreNoProblem);
    CPPUNIT_TEST(whatIsNotWholeIsNotRead);
    CPPUNIT_TEST(aLongOutcomeStandsApart);
    CPPUNIT_TEST(withoutItsLastLineThereIsNoResult);
    CPPUNIT_TEST(whatTheJournalCannotWriteWaits);
    CPPUNIT_TEST(artifactsAreKeptAndLinksRefused);
    CPPUNIT_TEST(artifactsBeyondTheCapsAreLeftOut);
    CPPUNIT_TEST(nothingOutsideTheRunCanBeOpened);
    CPPUNIT_TEST(junitReportsBecomeCases);
    CPPUNIT_TEST(hostileReportsAreRefused);
    CPPUNIT_TEST(hostileValuesOfReportsAreTamed);
    CPPUNIT_TEST(ofManyBrokenReportsTheGoodPartIsKept);
    CPPUNIT_TEST_SUITE_END();

    static std::string kept(const std::vector<std::string>& writes, std::int64_t cap, bool& truncated) {
        char folder[] = "/tmp/usher-log-XXXXXX";
        CPPUNIT_ASSERT(::mkdtemp(folder));
        const std::string name = std::string(folder) + "/log";
        UniqueFd directory(::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        OutputLog log(directory.get(), "log", cap);
        for (const std::string& text : writes) log.append(text);
        log.finish();
        truncated = log.truncated();
        std::string text = ::access(name.c_str(), F_OK) == 0 ? read(name) : std::string();
        CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(text.size()), log.keptBytes());
        ::unlink(name.c_str());
        ::rmdir(folder);
        return text;
    }

    void outputBeyondTheCapKeepsHeadAndTail() {
        bool truncated = false;
        std::string all;
        for (int i = 0; i < 400; ++i) all += std::string(1, static_cast<char>('a' + i % 26));
        CPPUNIT_ASSERT_EQUAL(all, kept({all}, 400, truncated));
        CPPUNIT_ASSERT(!truncated);
        for (std::size_t piece : {1u, 7u, 400u}) {
            std::vector<std::string> writes;
            for (std::size_t at = 0; at < all.size(); at += piece) writes.push_back(all.substr(at, piece));
            CPPUNIT_ASSERT_EQUAL(all.substr(0, 75) + "\n[... 300 bytes left out ...]\n" + all.substr(375),
                                 kept(writes, 100, truncated));
            CPPUNIT_ASSERT(truncated);
        }
    }
    void aCharacterIsNeverCutInTwo() {
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, unfinishedBytes("aé"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, unfinishedBytes("a\xC3"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, unfinishedBytes("\xF0\x9F\x98"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, unfinishedBytes("\x98\x98\x98\x98"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, unfinishedBytes("\xFF"));
        std::string all;
        for (int i = 0; i < 200; ++i) all += "😀";
        for (std::int64_t cap = 100; cap < 110; ++cap) {
            bool truncated = false;
            CPPUNIT_ASSERT(isUtf8(kept({all}, cap, truncated)));
            CPPUNIT_ASSERT(truncated);
        }
    }
    void hugeOutputIsReadToItsEnd() {
        Host host("output_cap_bytes = 100000\n");
        ClaimedRun job = host.job({"head -c 300000000 /dev/zero | tr '\\0' x; echo; echo last"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300'000'006}, outcome.tests.at(0).outputBytes);
        CPPUNIT_ASSERT(outcome.tests.at(0).truncated);
        std::string log = host.log(job.runId);
        CPPUNIT_ASSERT(log.size() < 100'100 && log.size() > 99'900);
        CPPUNIT_ASSERT(log.find("\n[... 299900006 bytes left out ...]\n") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string("x\nlast\n"), log.substr(log.size() - 7));
    }
    void theJournalGivesTheLogFromEveryEntryOn() {
        Host host("output_cap_bytes = 60000\n");
        ClaimedRun job = host.job({"for i in 1 2 3 4 5 6 7 8; do echo \"täst $i 😀\"; sleep 0.03; done; head "
                                   "-c 90000 /dev/zero | tr '\\0' y",
                                   "echo two"});
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        CPPUNIT_ASSERT(eventually([&] { // the last entry is written behind the result
            auto all = host.files->readJournal(job.runId, 1, "", 1u << 20);
            return !all.empty() && all.back().data == R"({"status":"passed"})";
        }));
        auto all = host.files->readJournal(job.runId, 1, "", 1u << 20);
        CPPUNIT_ASSERT(all.size() > 8);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"status":"running"})"), all.front().data);
        auto text = [](const std::vector<RunFiles::JournalEntry>& entries, int test) {
            std::string sum;
            for (const auto& entry : entries) {
                auto parsed = parseJson(entry.data);
                const Json& json = std::get<Json>(parsed);
                if (entry.type == "log" && json["test"] == test) sum += json["text"].get<std::string>();
            }
            return sum;
        };
        CPPUNIT_ASSERT_EQUAL(host.log(job.runId, 0), text(all, 0));
        CPPUNIT_ASSERT_EQUAL(host.log(job.runId, 1), text(all, 1));
        for (std::size_t i = 0; i < all.size(); ++i) {
            // In small pieces from every id on: nothing twice, nothing missing.
            std::vector<RunFiles::JournalEntry> joined(all.begin(),
                                                       all.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            for (int step = 0; step < 1000; ++step) {
                auto more = host.files->readJournal(job.runId, 1, joined.back().id, 64);
                if (more.empty()) break;
                joined.insert(joined.end(), more.begin(), more.end());
            }
            CPPUNIT_ASSERT_EQUAL(all.size(), joined.size());
            CPPUNIT_ASSERT_EQUAL(host.log(job.runId, 0), text(joined, 0));
        }
        CPPUNIT_ASSERT_EQUAL(all.size(), host.files->readJournal(job.runId, 1, "9-100", 1u << 20).size());
        CPPUNIT_ASSERT(host.files->readJournal(job.runId, 2, "", 1000).empty());
    }
    void invalidUtf8AndClosedStdoutAreNoProblem() {
        Host host;
        ClaimedRun job = host.job({"printf 'a\\377\\300b\\000c'; exec >&- 2>&-; sleep 0.1; exit 2"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_EQUAL(2, outcome.exitCode.value());
        CPPUNIT_ASSERT_EQUAL(std::string("a\xFF\xC0"
                                         "b\0c",
                                         6),
                             host.log(job.runId));
        for (const auto& entry : host.files->readJournal(job.runId, 1, "", 1u << 20)) {
            CPPUNIT_ASSERT(isUtf8(entry.data));
            CPPUNIT_ASSERT(entry.data.find('\n') == std::string::npos);
        }
    }
    void whatIsNotWholeIsNotRead() {
        Host host;
        UniqueFd folder(::open(host.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        CPPUNIT_ASSERT(!readWritten(folder.get(), "one"));
        CPPUNIT_ASSERT(writeOnce(folder.get(), "one", "all of it"));
        CPPUNIT_ASSERT_EQUAL(std::string("all of it"), readWritten(folder.get(), "one").value_or(""));
        CPPUNIT_ASSERT_EQUAL(0, ::truncate((host.root + "/one").c_str(), 6));
        CPPUNIT_ASSERT(!readWritten(folder.get(), "one"));
        CPPUNIT_ASSERT(writeOnce(folder.get(), "one", "again"));
        CPPUNIT_ASSERT_EQUAL(std::string("again"), readWritten(folder.get(), "one").value_or(""));
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("one", (host.root + "/link").c_str()));
        CPPUNIT_ASSERT(!writeOnce(folder.get(), "link", "through it"));
        CPPUNIT_ASSERT_EQUAL(std::string("again"), readWritten(folder.get(), "one").value_or(""));
    }
    void aLongOutcomeStandsApart() {
        Host host;
        const ClaimedRun job = host.job(
            {"{ echo '<testsuite>'; n=0; while [ $n -lt 1500 ]; do echo \"<testcase name='the case number "
             "$n' classname='of many cases'/>\"; n=$((n+1)); done; echo '</testsuite>'; } > "
             "$USHER_RESULTS/many.xml"});
        const RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_MESSAGE(outcome.errorDetails, outcome.status == RunStatus::passed);
        CPPUNIT_ASSERT(outcome.tests[0].casesJson.find("the case number 1499") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(0, ::access((host.attemptPath(job) + "/result.json").c_str(), F_OK));
        CPPUNIT_ASSERT(read(host.attemptPath(job) + "/journal").size() < 2000);
    }
    void whatTheJournalCannotWriteWaits() {
        Host host;
        UniqueFd folder(::open(host.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        JournalWriter journal(folder.get());
        journal.add({{"t", "leader"}});
        journal.add({{"t", "state"}});
        rlimit before{};
        ::getrlimit(RLIMIT_FSIZE, &before);
        rlimit small = before;
        small.rlim_cur = 20; // in the second line
        ::signal(SIGXFSZ, SIG_IGN);
        ::setrlimit(RLIMIT_FSIZE, &small);
        const bool flushed = journal.flush();
        ::setrlimit(RLIMIT_FSIZE, &before);
        CPPUNIT_ASSERT(!flushed);
        CPPUNIT_ASSERT(!journal.begun() && journal.pending()); // nobody could find the leader by this file
        CPPUNIT_ASSERT_EQUAL(std::string(), read(host.root + "/journal"));
        CPPUNIT_ASSERT(journal.sync());
        CPPUNIT_ASSERT(journal.begun() && !journal.pending());
        CPPUNIT_ASSERT_EQUAL(std::string("{\"t\":\"leader\"}\n{\"t\":\"state\"}\n"),
                             read(host.root + "/journal"));
    }
    void withoutItsLastLineThereIsNoResult() {
        Host host;
        const ClaimedRun job = host.job({"echo one"});
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        CPPUNIT_ASSERT(host.hasResult(job));
        const std::string journal = host.attemptPath(job) + "/journal";
        CPPUNIT_ASSERT_EQUAL(0, ::truncate(journal.c_str(), static_cast<off_t>(read(journal).size() - 1)));
        CPPUNIT_ASSERT(!host.hasResult(job));
        CPPUNIT_ASSERT(eventually([&] { return host.executor->recover(job) == Executor::Recovery::gone; }));
    }
    void artifactsAreKeptAndLinksRefused() {
        Host host;
        ClaimedRun job =
            host.job({"cd $USHER_ARTIFACTS; mkdir -p a/b; echo one > a/b/one.txt; echo x > same; ln -s "
                      "/etc/passwd link; "
                      "ln -s /etc dirlink; mkfifo fifo; ln a/b/one.txt hard; ln -s one.txt a/b/inner",
                      "echo y > $USHER_ARTIFACTS/same; exit 1"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        std::string names;
        for (const auto& artifact : host.files->listArtifacts(job.runId, 1))
            names += artifact.path + ":" + std::to_string(artifact.bytes) + " ";
        CPPUNIT_ASSERT_EQUAL(std::string("same:2 test-1/same:2 "), names);
        std::string log = host.log(job.runId);
        for (const char* line : {"link: is a symbolic link", "dirlink: is a symbolic link", "fifo: is a FIFO",
                                 "hard: is a hard link", "a/b/inner: is a symbolic link"})
            CPPUNIT_ASSERT_MESSAGE(log, log.find("[usher] left out: " + std::string(line) + "\n") !=
                                            std::string::npos);
        UniqueFd fd(host.files->openArtifact(job.runId, 1, "test-1/same"));
        char c = 0;
        CPPUNIT_ASSERT(fd && ::read(fd.get(), &c, 1) == 1 && c == 'y');
    }
    void artifactsBeyondTheCapsAreLeftOut() {
        Host host("artifact_cap_bytes = 1000\nartifact_cap_files = 3\n");
        ClaimedRun job = host.job({"cd $USHER_ARTIFACTS; head -c 2000 /dev/zero > big; for i in 1 2 3 4 5; "
                                   "do echo $i > f$i; done"});
        host.run(job);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, host.files->listArtifacts(job.runId, 1).size());
        std::string log = host.log(job.runId);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("big: the artifacts are too large") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("f4: too many artifacts") != std::string::npos);
    }
    void nothingOutsideTheRunCanBeOpened() {
        Host host;
        ClaimedRun job = host.job({"echo x > $USHER_ARTIFACTS/good"});
        host.run(job);
        std::string artifacts = host.attemptPath(job) + "/artifacts";
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("/etc/passwd", (artifacts + "/planted").c_str()));
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("/etc", (artifacts + "/folder").c_str()));
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo((artifacts + "/fifo").c_str(), 0600));
        UniqueFd good(host.files->openArtifact(job.runId, 1, "good"));
        CPPUNIT_ASSERT(good);
        for (const char* path :
             {"../result.json", "../../attempt-1/journal", "/etc/passwd", "planted", "folder/passwd", "fifo",
              "", ".", "..", "good/..", "good/", "./../../../x", "good\0x"})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                path, -1, std::string(path) == "good" ? -1 : host.files->openArtifact(job.runId, 1, path));
        CPPUNIT_ASSERT_EQUAL(-1, host.files->openArtifact(job.runId, 1, std::string("good\0x", 6)));
        for (const char* id : {"../runs", "..", "", "/etc", "not-a-uuid"}) {
            CPPUNIT_ASSERT(!host.files->readLog(id, 1, 0, 0, 10));
            CPPUNIT_ASSERT(host.files->readJournal(id, 1, "", 10).empty());
            host.files->remove(id);
        }
        CPPUNIT_ASSERT(!host.files->readLog(job.runId, 1, -1, 0, 10));
        CPPUNIT_ASSERT(!host.files->readLog(job.runId, 0, 0, 0, 10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, host.files->listArtifacts(job.runId, 1).size());
    }
    void junitReportsBecomeCases() {
        Host host;
        ClaimedRun job =
            host.job({"cat > $USHER_RESULTS/r.xml <<X\n<?xml "
                      "version=\"1.0\"?><testsuites><testsuite><testcase name=\"good\" time=\"1.5\"/>"
                      "<testcase name=\"bad &amp; worse\" time=\"0.001\"><failure "
                      "message=\"no\">text</failure></testcase>"
                      "<testcase name=\"err\"><error>  trace  </error></testcase><testcase "
                      "name=\"skip\"><skipped/></testcase>"
                      "</testsuite></testsuites>\nX\n"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_EQUAL(
            std::string(
                R"([{"durationMs":1500,"message":"","name":"good","status":"passed"},)"
                R"({"details":"text","durationMs":1,"message":"no","name":"bad & worse","status":"failed"},)"
                R"({"durationMs":0,"message":"trace","name":"err","status":"error"},)"
                R"({"durationMs":0,"message":"","name":"skip","status":"skipped"}])"),
            outcome.tests.at(0).casesJson);
    }
    void hostileReportsAreRefused() {
        auto problem = [](const std::string& xml) {
            std::vector<TestCase> cases;
            std::string why;
            return readJUnit(xml, cases, why) ? std::string() : why;
        };
        CPPUNIT_ASSERT_EQUAL(
            std::string("it has a DOCTYPE"),
            problem(
                "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]><x>&a;&b;</x>"));
        std::string deep = "<testsuite>";
        for (int i = 0; i < 100; ++i) deep += "<a>";
        CPPUNIT_ASSERT_EQUAL(std::string("nested deeper than 64 levels"), problem(deep));
        std::string many = "<testsuite>";
        for (int i = 0; i < 10'001; ++i) many += "<testcase name='x'/>";
        CPPUNIT_ASSERT_EQUAL(std::string("more than 10,000 cases"), problem(many));
        for (const char* xml : {"", "x", "<a>", "<a></b>", "<a>\xff</a>"})
            CPPUNIT_ASSERT(!problem(xml).empty());
        CPPUNIT_ASSERT_EQUAL(std::string(),
                             problem("<testsuite><testcase name='a'><failure/></testcase></testsuite>"));
        CPPUNIT_ASSERT_EQUAL(std::string("a case without a name"),
                             problem("<testsuite><testcase classname='a'/></testsuite>"));
        CPPUNIT_ASSERT_EQUAL(
            std::string("a case inside a case"),
            problem("<testsuite><testcase name='a'><testcase name='b'/></testcase></testsuite>"));
        CPPUNIT_ASSERT(problem("<html><testcase name='a'/></html>").starts_with("it is no JUnit report"));
    }
    void hostileValuesOfReportsAreTamed() {
        auto only = [](const std::string& attributes, const std::string& inside = "") {
            std::vector<TestCase> cases;
            std::string why;
            readJUnit("<testsuite><testcase " + attributes + ">" + inside + "</testcase></testsuite>", cases,
                      why);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(why, std::size_t{1}, cases.size());
            return cases[0];
        };
        for (const char* time : {"nan", "inf", "-1", "1e300", "0x10", "1.2.3", "", "9999999999", "1 "})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(time, std::int64_t{0},
                                         only("name='a' time='" + std::string(time) + "'").durationMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1'234'500}, only("name='a' time='1,234.5'").durationMs);
        std::string two = "\xC3\xA4", longName;
        while (longName.size() < 3000) longName += two;
        CPPUNIT_ASSERT_EQUAL(std::size_t{500}, only("name='x" + longName + "'").name.size() + 1);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2000},
                             only("name='a'", "<failure>" + longName + "</failure>").message.size());
        CPPUNIT_ASSERT_EQUAL(std::string("a b"), only("name='a&#127;b'").name);
        // The text beside a message is kept apart from it, without what colours it in a terminal.
        TestCase told = only(
            "name='a'", "<failure message='door.spec.js:3 greets'><![CDATA[\n  Error: expected "
                        "\xE2\x90\x9b[32m<b>\xE2\x90\x9b[39m\n    at #x1B[2mdoor.spec.js#x1B[22m:6\n\n]]>"
                        "</failure>");
        CPPUNIT_ASSERT_EQUAL(std::string("door.spec.js:3 greets"), told.message);
        CPPUNIT_ASSERT_EQUAL(std::string("Error: expected <b>\n    at door.spec.js:6"), told.details);
        told = only("name='a'", "<failure message='m'>" + longName + longName + longName + "</failure>");
        CPPUNIT_ASSERT_EQUAL(std::size_t{8000}, told.details.size());
        CPPUNIT_ASSERT_EQUAL(std::string(), only("name='a'", "<failure message='m'> m </failure>").details);
        // The first verdict counts, and entities of its own are all that XML has without a DOCTYPE.
        TestCase both = only("name='a'", "<skipped message='s'/><failure message='f'/>");
        CPPUNIT_ASSERT_EQUAL(std::string("skipped"), both.status);
        std::vector<TestCase> cases;
        std::string why;
        CPPUNIT_ASSERT(!readJUnit("<testsuite><testcase name='&xxe;'/></testsuite>", cases, why));
    }
    void ofManyBrokenReportsTheGoodPartIsKept() {
        Host host;
        ClaimedRun job =
            host.job({"cd $USHER_RESULTS; echo '<testsuite><testcase name=\"one\"/><broken' > a.xml; "
                      "echo '<testsuite><testcase name=\"two\"/></testsuite>' > b.xml; "
                      "ln -s /etc/passwd c.xml; mkfifo d.xml; head -c 17000000 /dev/zero > e.xml"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
        const std::string& cases = outcome.tests.at(0).casesJson;
        CPPUNIT_ASSERT_MESSAGE(cases, cases.find("\"one\"") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(cases, cases.find("\"two\"") != std::string::npos);
        const std::string log = host.log(job.runId);
        for (const char* name : {"a.xml", "c.xml", "d.xml", "e.xml"})
            CPPUNIT_ASSERT_MESSAGE(log, log.find(name) != std::string::npos);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(FilesTest);
