#include "base/IniFile.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>

#include <sys/stat.h>

using namespace usher;

/// What the configuration reader takes, and that it names file and line of everything it does not.
class IniFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(IniFileTest);
    CPPUNIT_TEST(readsSectionsKeysAndComments);
    CPPUNIT_TEST(aValueIsTakenAsItStands);
    CPPUNIT_TEST(everyWrongLineIsNamed);
    CPPUNIT_TEST(aLaterFileOverridesKeyByKey);
    CPPUNIT_TEST(dropInsAreReadByName);
    CPPUNIT_TEST(aMissingFileIsAProblem);
    CPPUNIT_TEST_SUITE_END();

    void readsSectionsKeysAndComments() {
        IniFile ini;
        CPPUNIT_ASSERT(ini.parse(
            "# comment\n; too\nstate_dir = /x\n\n[exec]\nsandbox=none\r\n[plugins.api-key]\nz =\n", "a"));
        CPPUNIT_ASSERT_EQUAL(std::string("/x"), ini.get("", "state_dir"));
        CPPUNIT_ASSERT_EQUAL(std::string("none"), ini.get("exec", "sandbox"));
        CPPUNIT_ASSERT_EQUAL(std::string(""), ini.get("plugins.api-key", "z", "other"));
        CPPUNIT_ASSERT_EQUAL(6, ini.find("exec", "sandbox")->line);
        CPPUNIT_ASSERT(!ini.find("exec", "state_dir"));
    }
    void aValueIsTakenAsItStands() {
        IniFile ini;
        CPPUNIT_ASSERT(ini.parse("a = x # y = 'z' \n", "a"));
        CPPUNIT_ASSERT_EQUAL(std::string("x # y = 'z'"), ini.get("", "a"));
    }
    void everyWrongLineIsNamed() {
        IniFile ini;
        CPPUNIT_ASSERT(!ini.parse(
            "a = 1\na = 2\n[x\n[]\nno value\nb c = 3\n = 4\n[x]\n[x]\nd = \xff\ne = \x01z\n", "f"));
        std::string all;
        for (const IniProblem& p : ini.problems()) all += std::to_string(p.line) + " ";
        CPPUNIT_ASSERT_EQUAL(std::string("2 3 4 5 6 7 9 10 11 "), all);
        CPPUNIT_ASSERT_EQUAL(std::string("f:2: key 'a' appears twice in one section"),
                             ini.problems()[0].text());
    }
    void aLaterFileOverridesKeyByKey() {
        IniFile ini;
        ini.parse("[s]\na = 1\nb = 2\n", "f");
        CPPUNIT_ASSERT(ini.parse("[s]\nb = 3\n", "g"));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), ini.get("s", "a"));
        CPPUNIT_ASSERT_EQUAL(std::string("3"), ini.get("s", "b"));
        CPPUNIT_ASSERT_EQUAL(std::string("g"), ini.find("s", "b")->file);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, ini.entries().size());
    }
    void dropInsAreReadByName() {
        char folder[] = "/tmp/usher-ini-XXXXXX";
        CPPUNIT_ASSERT(mkdtemp(folder));
        std::string root = folder;
        CPPUNIT_ASSERT_EQUAL(0, mkdir((root + "/conf.d").c_str(), 0700));
        auto write = [](const std::string& path, const char* text) { std::ofstream(path) << text; };
        write(root + "/u.conf", "a = main\n");
        write(root + "/conf.d/20.conf", "a = second\n");
        write(root + "/conf.d/10.conf", "a = first\n");
        write(root + "/conf.d/30.conf~", "a = backup\n");
        IniFile ini;
        CPPUNIT_ASSERT(ini.readWithDropIns(root + "/u.conf"));
        CPPUNIT_ASSERT_EQUAL(std::string("second"), ini.get("", "a"));
        for (const char* name : {"/u.conf", "/conf.d/20.conf", "/conf.d/10.conf", "/conf.d/30.conf~"})
            unlink((root + name).c_str());
        rmdir((root + "/conf.d").c_str());
        rmdir(folder);
    }
    void aMissingFileIsAProblem() {
        IniFile ini;
        CPPUNIT_ASSERT(!ini.read("/nonexistent/usherd.conf"));
        CPPUNIT_ASSERT_EQUAL(std::string("/nonexistent/usherd.conf: cannot read: No such file or directory"),
                             ini.problems()[0].text());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(IniFileTest);
