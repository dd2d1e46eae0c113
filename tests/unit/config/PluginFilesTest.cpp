#include "config/Config.h"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace usher;

/// A plugin that the configuration names and that is not installed.
class PluginFilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PluginFilesTest);
    CPPUNIT_TEST(eachLineThatNamesItIsAProblem);
    CPPUNIT_TEST(aChainThatNobodyWroteIsNamedToo);
    CPPUNIT_TEST(otherProblemsDoNotHideIt);
    CPPUNIT_TEST_SUITE_END();

    std::string folder;

    std::vector<std::string> problems(const std::string& text, const std::string& dropIn) {
        std::ofstream(folder + "/usherd.conf") << text;
        std::ofstream(folder + "/conf.d/80-chains.conf") << dropIn;
        return readConfig(folder + "/usherd.conf", {folder, folder}, "/run/usher/launcher.sock").problems;
    }

public:
    void setUp() override {
        char name[] = "/tmp/usher-conf-test.XXXXXX";
        folder = ::mkdtemp(name);
        std::filesystem::create_directory(folder + "/conf.d");
        for (const char* file : {"/usher-leader", "/session.so"}) {
            std::ofstream(folder + file) << "x";
            std::filesystem::permissions(folder + file, std::filesystem::perms(0755));
        }
    }
    void tearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

    void eachLineThatNamesItIsAProblem() {
        auto found = problems("[auth]\ntrigger = session\nshadow = oidc\n",
                              "# ours\n[auth]\nrun = session, oidc\n[plugins.oidc]\nrules_file = /x\n");
        const std::string what = ": there is no plugin oidc at " + folder +
                                 "/oidc.so: install its package (usherd-auth-oidc), or ";
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), found.size());
        CPPUNIT_ASSERT_EQUAL(
            folder + "/conf.d/80-chains.conf:3: [auth] run" + what + "take its name out here", found[0]);
        CPPUNIT_ASSERT_EQUAL(folder + "/usherd.conf:3: [auth] shadow" + what + "take the line out", found[1]);
        CPPUNIT_ASSERT_EQUAL(folder + "/conf.d/80-chains.conf:5: [plugins.oidc] rules_file" + what +
                                 "set path, or take the section out",
                             found[2]);
    }
    void aChainThatNobodyWroteIsNamedToo() {
        auto found = problems("[auth]\nrun = session\n", "");
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), found.size());
        CPPUNIT_ASSERT_EQUAL(
            folder + "/usherd.conf: [auth] trigger (the default): there is no plugin api-key at " + folder +
                "/api-key.so: install its package (usherd-auth-apikey), or set this without its name",
            found[0]);
    }
    // Outside the service there are no credentials: who looks for missing plugins there must find them all
    // the same.
    void otherProblemsDoNotHideIt() {
        auto found = problems("[auth]\nrun = session\n[database]\npassword_file = credential:db\n", "");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), found.size());
        CPPUNIT_ASSERT(found[1].find("there is no plugin api-key at ") != std::string::npos);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PluginFilesTest);
