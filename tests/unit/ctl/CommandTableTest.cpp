#include "CommandLine.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::ctl;

class CommandTableTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CommandTableTest);
    CPPUNIT_TEST(everyLevelHasHelp);
    CPPUNIT_TEST(optionsStandAnywhere);
    CPPUNIT_TEST(whatFollowsTwoDashesIsAnArgument);
    CPPUNIT_TEST(wrongCommandLinesExitTwoWithAHint);
    CPPUNIT_TEST(secretsAreRefusedOnTheCommandLineAndNotRepeated);
    CPPUNIT_TEST(controlCharactersInMistakesAreHarmless);
    CPPUNIT_TEST_SUITE_END();

    CommandTable table = allCommands();

    void everyLevelHasHelp() {
        CommandLine person;
        for (const std::vector<std::string>& words :
             std::vector<std::vector<std::string>>{{"--help"},
                                                   {"-h"},
                                                   {"help"},
                                                   {"key"},
                                                   {"key", "--help"},
                                                   {"help", "key"},
                                                   {"key", "create", "--help"},
                                                   {"help", "key", "create"},
                                                   {"trigger", "-h"},
                                                   {"--version"},
                                                   {"run", "log", "x", "--help"}}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(words[0], 0, person.run(words));
            CPPUNIT_ASSERT(person.err.empty());
            CPPUNIT_ASSERT(person.said("usherctl"));
        }
        person.run({"trigger", "--help"});
        CPPUNIT_ASSERT(person.said("Examples"));
        CPPUNIT_ASSERT(person.said("4 timeout"));
    }
    void optionsStandAnywhere() {
        auto parsed =
            table.parse({"--server", "http://a", "job", "create", "--param=A=1", "nightly", "--param", "B"});
        CPPUNIT_ASSERT_EQUAL(std::string("job create"), parsed.invocation.command->name);
        CPPUNIT_ASSERT_EQUAL(std::string("nightly"), parsed.invocation.arguments.at(0));
        CPPUNIT_ASSERT((parsed.invocation.all("param") == std::vector<std::string>{"A=1", "B"}));
        CPPUNIT_ASSERT_EQUAL(std::string("http://a"), *parsed.invocation.find("server"));
        CPPUNIT_ASSERT(table.parse({"run", "log", "-f", "x"}).invocation.has("follow"));
    }
    void whatFollowsTwoDashesIsAnArgument() {
        auto parsed = table.parse({"job", "show", "--", "--json"});
        CPPUNIT_ASSERT_EQUAL(std::string("--json"), parsed.invocation.arguments.at(0));
        CPPUNIT_ASSERT_EQUAL(std::string("-"),
                             table.parse({"test", "create", "-"}).invocation.arguments.at(0));
    }
    void wrongCommandLinesExitTwoWithAHint() {
        CommandLine person;
        for (const std::vector<std::string>& words :
             std::vector<std::vector<std::string>>{{},
                                                   {"jobb"},
                                                   {"job", "creat", "x"},
                                                   {"job", "create"},
                                                   {"job", "create", "a", "b"},
                                                   {"job", "list", "--servr=x"},
                                                   {"job", "list", "-x"},
                                                   {"job", "show", "x", "--server"}}) {
            CPPUNIT_ASSERT_EQUAL(2, person.run(words));
            CPPUNIT_ASSERT(person.out.empty());
            CPPUNIT_ASSERT(person.said("error: "));
        }
        person.run({"job", "list", "--servr=x"});
        CPPUNIT_ASSERT(person.said("did you mean --server?"));
        person.run({"key", "creat"});
        CPPUNIT_ASSERT(person.said("did you mean `usherctl key create`?"));
        CPPUNIT_ASSERT_EQUAL(2, person.run({"job", "list", "--json=yes"}));
        CPPUNIT_ASSERT_EQUAL(2, person.run({"job", "list", "--json", "--json"}));
    }
    void secretsAreRefusedOnTheCommandLineAndNotRepeated() {
        CommandLine person;
        for (const std::vector<std::string>& words :
             std::vector<std::vector<std::string>>{{"trigger", "x", "--key", "job_SECRET"},
                                                   {"trigger", "x", "--key=job_SECRET"},
                                                   {"--key=job_SECRET", "trigger"},
                                                   {"trigger", "x", "--api-key", "job_SECRET"},
                                                   {"sign-in", "--password", "job_SECRET"},
                                                   {"setup", "--token=job_SECRET"}}) {
            CPPUNIT_ASSERT_EQUAL(2, person.run(words));
            CPPUNIT_ASSERT(person.said("visible to everyone"));
            CPPUNIT_ASSERT(!person.said("job_SECRET"));
        }
        person.run({"trigger", "x", "--key", "job_SECRET"});
        CPPUNIT_ASSERT(person.said("USHER_API_KEY"));
        CPPUNIT_ASSERT(person.said("--key-file"));
    }
    void controlCharactersInMistakesAreHarmless() {
        CommandLine person;
        person.run({"job", "list", "--\x1b[31m"});
        CPPUNIT_ASSERT(person.said("\\x1b"));
        CPPUNIT_ASSERT(!person.said("\x1b"));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(CommandTableTest);
