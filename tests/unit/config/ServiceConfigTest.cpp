#include "config/Config.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace usher;

/// What a service manager adds to the configuration: credentials, and the launcher as a service of its own;
/// and what is found wrong with the daemon's own keys.
class ServiceConfigTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ServiceConfigTest);
    CPPUNIT_TEST(aCredentialIsTheFileThatWasHandedOver);
    CPPUNIT_TEST(withoutAServiceManagerACredentialIsAProblem);
    CPPUNIT_TEST(aCredentialIsANameAndNoPath);
    CPPUNIT_TEST(theCommandLinesLauncherGoesFirst);
    CPPUNIT_TEST(theListenersAddressIsAnAddressOrAHost);
    CPPUNIT_TEST(missingFilesAreNamedBesideWrongValues);
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
        ConfigResult result = read(
            "[database]\npassword_file = credential:db\n[plugins.session]\nsecret_file = credential:x\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), result.problems.size());
        CPPUNIT_ASSERT(
            first(result).find(
                "usherd.conf:2: [database] password_file: no service manager hands over credentials here") !=
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
    void theListenersAddressIsAnAddressOrAHost() {
        for (const char* good :
             {"127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "ci-1.example.org"})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(good, std::string(),
                                         first(read(std::string("[http]\naddress = ") + good + "\n")));
        for (const char* bad : {"", "127.0.0.1:8321", "localhost:8321", "[::1]", "300.1.1.1", "1.2.3",
                                "10.0.0.0/8", "*", "http://localhost", "a b"}) {
            const ConfigResult result = read(std::string("[http]\naddress = ") + bad + "\n");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::size_t(1), result.problems.size());
            CPPUNIT_ASSERT(first(result).find("usherd.conf:2: [http] address: must be") != std::string::npos);
        }
    }
    void missingFilesAreNamedBesideWrongValues() {
        const ConfigResult result = read("[http]\nport = nine\ntls_certificate = /nowhere/cert\n"
                                         "[exec]\nleader = /nowhere/leader\n[cluster]\naddress = no port\n"
                                         "secret_file = credential:none\n");
        std::string all;
        for (const std::string& problem : result.problems) all += problem + "\n";
        for (const char* line : {":2: [http] port: ", ":3: [http] tls_certificate: cannot read /nowhere/cert",
                                 ":3: [http] tls_certificate and tls_key go together",
                                 ":5: [exec] leader: there is no program at /nowhere/leader",
                                 ":7: [cluster] address: ", ":8: [cluster] secret_file: cannot read "})
            CPPUNIT_ASSERT_MESSAGE(line + ("\n" + all),
                                   all.find("usherd.conf" + std::string(line)) != std::string::npos);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, std::size_t(6), result.problems.size());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ServiceConfigTest);
