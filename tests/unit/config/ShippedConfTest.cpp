#include "base/IniFile.h"
#include "config/Config.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

using namespace usher;

/// conf/usherd.conf is documentation that people copy from: it must be true.
class ShippedConfTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ShippedConfTest);
    CPPUNIT_TEST(asItIsItSaysNothing);
    CPPUNIT_TEST(everyKeyInItIsKnownAndEveryDefaultGood);
    CPPUNIT_TEST_SUITE_END();

    std::string folder;
    ConfigDefaults defaults;

public:
    void setUp() override {
        char name[] = "/tmp/usher-conf-test.XXXXXX";
        folder = ::mkdtemp(name);
        for (const char* file : {"/usher-launcher", "/usher-leader", "/api-key.so", "/session.so"}) {
            std::ofstream(folder + file) << "x";
            ::chmod((folder + file).c_str(), 0755);
        }
        defaults = {folder, folder};
    }
    void tearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

private:
    /// The tests run somewhere below the tree's top.
    static std::string shippedFile() {
        std::error_code failed;
        for (auto at = std::filesystem::current_path(); at != at.root_path(); at = at.parent_path())
            if (std::filesystem::exists(at / "conf/usherd.conf", failed))
                return (at / "conf/usherd.conf").string();
        CPPUNIT_FAIL("conf/usherd.conf is not above " + std::filesystem::current_path().string());
        return "";
    }

    void asItIsItSaysNothing() {
        ConfigResult result = readConfig(shippedFile(), defaults);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(result.problems.empty() ? "" : result.problems[0], std::size_t(0),
                                     result.problems.size());
        IniFile ini;
        CPPUNIT_ASSERT(ini.read(shippedFile()));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), ini.entries().size());
    }

    void everyKeyInItIsKnownAndEveryDefaultGood() {
        std::ifstream in(shippedFile());
        std::ofstream out(folder + "/all.conf");
        std::regex key(R"(#([a-z_]+(\.[A-Za-z0-9_]+)*) =( (.*))?)");
        int keys = 0;
        for (std::string line; std::getline(in, line);) {
            std::smatch match;
            // What has no default has no value to judge: any will do to see whether the key is known.
            if (std::regex_match(line, match, key)) {
                line = match[1].str() + " = " + (match[4].str().empty() ? "none" : match[4].str());
                ++keys;
            }
            out << line << "\n";
        }
        out.close();
        CPPUNIT_ASSERT(keys > 40);
        for (const std::string& problem : readConfig(folder + "/all.conf", defaults).problems) {
            CPPUNIT_ASSERT_MESSAGE(problem, problem.find("unknown key") == std::string::npos);
            bool hasNoDefault = false;
            for (const char* name : {"public_url", "tls_", "trusted_proxies", "password_file", "secret_file",
                                     "throttle_exempt", "capacity", "key_file", "allow", "[cluster] address",
                                     "there is no plugin", "there is no program"})
                hasNoDefault = hasNoDefault || problem.find(name) != std::string::npos;
            CPPUNIT_ASSERT_MESSAGE(problem, hasNoDefault);
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ShippedConfTest);
