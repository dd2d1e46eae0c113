#include "config/Config.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace usher;

/// What a service manager adds to the configuration: credentials, and the launcher as a service of its own.
class ServiceConfigTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ServiceConfigTest);
    CPPUNIT_TEST(aCredentialIsTheFileThatWasHandedOver);
    CPPUNIT_TEST(withoutAServiceManagerACredentialIsAProblem);
    CPPUNIT_TEST(aCredentialIsANameAndNoPath);
    CPPUNIT_TEST(theCommandLinesLauncherGoesFirst);
    CPPUNIT_TEST_SUITE_END();

    std::string folder;

    ConfigResult read(const std::string& text, const std::string& launcher = {}) {
        std::ofstream(folder + "/usherd.conf") << text;
        return readConfig(folder + "/usherd.conf", {folder, folder}, launcher);
    }
    static std::string first(const ConfigResult& result) {
        return result.problems.empty() ? "" : result.problems[0];
    }

public:
    void setUp() override {
        char name[] = "/tmp/usher-conf-test.XXXXXX";
        folder = ::mkdtemp(name);
        for (const char* file : {"/usher-launcher", "/usher-leader", "/api-key.so", "/session.so", "/db"}) {
            std::ofstream(folder + file) << "x";
            ::chmod((folder + file).c_str(), 0755);
        }
        ::setenv("CREDENTIALS_DIRECTORY", folder.c_str(), 1);
    }
    void tearDown() override {
        ::unsetenv("CREDENTIALS_DIRECTORY");
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

    void aCredentialIsTheFileThatWasHandedOver() {
        ConfigResult result = read("[database]\npassword_file = credential:db\n"
                                   "[plugins.session]\nsecret_file = credential:db\n");
        CPPUNIT_ASSERT_EQUAL(std::string(), first(result));
        CPPUNIT_ASSERT_EQUAL(folder + "/db", result.config.databasePasswordFile);
        for (const PluginSection& section : result.config.plugins)
            if (section.name == "session") CPPUNIT_ASSERT_EQUAL(folder + "/db", section.keys.at(0).second);
    }
    void withoutAServiceManagerACredentialIsAProblem() {
        ::unsetenv("CREDENTIALS_DIRECTORY");
        ConfigResult result =
            read("[http]\ntls_key = credential:db\n[plugins.session]\nsecret_file = credential:x\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), result.problems.size());
        CPPUNIT_ASSERT(first(result).find(
                           "usherd.conf:2: [http] tls_key: no service manager hands over credentials here") !=
                       std::string::npos);
    }
    void aCredentialIsANameAndNoPath() {
        for (const char* name : {"", ".", "..", "../db", "/etc/shadow"}) {
            ConfigResult result = read(std::string("[database]\npassword_file = credential:") + name + "\n");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::size_t(1), result.problems.size());
        }
    }
    void theCommandLinesLauncherGoesFirst() {
        ConfigResult result =
            read("[exec]\nlauncher = /nowhere/usher-launcher\n", "/run/usher/launcher.sock");
        CPPUNIT_ASSERT_EQUAL(std::string(), first(result));
        CPPUNIT_ASSERT_EQUAL(std::string("/run/usher/launcher.sock"), result.config.launcher);
        CPPUNIT_ASSERT(result.config.launcherIsSocket);
        CPPUNIT_ASSERT(!read("[exec]\nlauncher = /nowhere/usher-launcher\n").problems.empty());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ServiceConfigTest);
