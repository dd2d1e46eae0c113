#include "CommandLine.h"
#include "base/Text.h"
#include "ctl/Credentials.h"
#include "ctl/Manifest.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <fstream>

using namespace usher::ctl;

/// Files on the person's own machine: what is kept secret, and what is read from a folder of scripts.
class FilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FilesTest);
    CPPUNIT_TEST(credentialsAreReadableByTheirOwnerOnly);
    CPPUNIT_TEST(serversAreKeptApart);
    CPPUNIT_TEST(credentialsThatOthersCanReadAreRefused);
    CPPUNIT_TEST(aSecretFileIsNeverOverwritten);
    CPPUNIT_TEST(aFolderWithoutAManifestIsReadByName);
    CPPUNIT_TEST(aManifestSaysOrderTitlesAndSettings);
    CPPUNIT_TEST(aWrongManifestIsRefused);
    CPPUNIT_TEST_SUITE_END();

    CommandLine person;

    static mode_t modeOf(const std::string& path) {
        struct stat info {};
        CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 0, ::stat(path.c_str(), &info));
        return info.st_mode & 0777;
    }
    std::string write(const std::string& name, const std::string& text) {
        std::string path = person.home + "/" + name;
        std::ofstream(path) << text;
        return path;
    }

    void credentialsAreReadableByTheirOwnerOnly() {
        mode_t before = ::umask(0);
        Credentials credentials(person.home + "/a/usher/credentials.json");
        credentials.save("http://x:1", {"ushs_t", "e@x"});
        ::umask(before);
        CPPUNIT_ASSERT_EQUAL(mode_t(0600), modeOf(credentials.path()));
        CPPUNIT_ASSERT_EQUAL(mode_t(0700), modeOf(person.home + "/a/usher"));
        CPPUNIT_ASSERT_EQUAL(std::string("ushs_t"), credentials.find("http://x:1")->token);
    }
    void serversAreKeptApart() {
        Credentials credentials(person.home + "/credentials.json");
        CPPUNIT_ASSERT(!credentials.find("http://x:1"));
        credentials.save("http://x:1", {"one", ""});
        credentials.save("http://y:1", {"two", ""});
        CPPUNIT_ASSERT_EQUAL(std::string("one"), credentials.find("http://x:1")->token);
        CPPUNIT_ASSERT(credentials.forget("http://x:1"));
        CPPUNIT_ASSERT(!credentials.forget("http://x:1"));
        CPPUNIT_ASSERT(!credentials.find("http://x:1"));
        CPPUNIT_ASSERT_EQUAL(std::string("two"), credentials.find("http://y:1")->token);
    }
    void credentialsThatOthersCanReadAreRefused() {
        Credentials credentials(person.home + "/credentials.json");
        credentials.save("http://x:1", {"one", ""});
        ::chmod(credentials.path().c_str(), 0644);
        CPPUNIT_ASSERT_THROW(credentials.find("http://x:1"), UsageError);
    }
    void aSecretFileIsNeverOverwritten() {
        std::string path = write("there", "old");
        CPPUNIT_ASSERT_THROW(writeSecretFile(path, "new"), UsageError);
        CPPUNIT_ASSERT_EQUAL(std::string("old"), *usher::readFile(path));
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("nowhere", (person.home + "/link").c_str()));
        CPPUNIT_ASSERT_THROW(writeSecretFile(person.home + "/link", "new"), UsageError);
    }
    void aFolderWithoutAManifestIsReadByName() {
        std::filesystem::create_directory(person.home + "/suite");
        for (const char* name :
             {"3-page.spec.js", "1-up.sh", "2-data.py", "README.md", "4-tool.js", "5-page.spec.ts"})
            write(std::string("suite/") + name, "x");
        Manifest manifest = readManifest(person.home + "/suite/");
        CPPUNIT_ASSERT_EQUAL(std::string("suite"), manifest.name);
        std::string all;
        for (const ScriptFile& test : manifest.tests) all += test.file + ":" + test.type + " ";
        CPPUNIT_ASSERT_EQUAL(
            std::string("1-up.sh:shell 2-data.py:python 3-page.spec.js:playwright 4-tool.js:node "
                        "5-page.spec.ts:playwright "),
            all);
    }
    void aManifestSaysOrderTitlesAndSettings() {
        write("b.sh", "echo b");
        write("a.sh", "echo a");
        write(
            "usher.json",
            R"({"name":"n","timeoutSeconds":9,"tests":[{"file":"b.sh","title":"B"},{"file":"a.sh","type":"exec"}]})");
        Manifest manifest = readManifest(person.home);
        CPPUNIT_ASSERT_EQUAL(std::string("n"), manifest.name);
        CPPUNIT_ASSERT_EQUAL(std::string("B"), manifest.tests.at(0).title);
        CPPUNIT_ASSERT_EQUAL(std::string("echo b"), manifest.tests.at(0).script);
        CPPUNIT_ASSERT_EQUAL(std::string("exec"), manifest.tests.at(1).type);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"timeoutSeconds":9})"), usher::toText(manifest.settings));
    }
    void aWrongManifestIsRefused() {
        write("a.sh", "echo a");
        for (const char* json :
             {"", "[]", "{}", R"({"tests":[]})", R"({"tests":[{"file":"none.sh"}]})",
              R"({"tests":[{"file":"../a.sh"}]})", R"({"tests":[{"file":"/etc/hostname","type":"shell"}]})",
              R"({"tests":[{"file":"a.sh","tittle":"x"}]})", R"({"nome":"x","tests":[{"file":"a.sh"}]})",
              R"({"tests":[{"file":"a.sh"},{"file":"a.sh"}]})", R"({"tests":[{"file":"usher.json"}]})"}) {
            write("usher.json", json);
            CPPUNIT_ASSERT_THROW_MESSAGE(json, readManifest(person.home), UsageError);
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(FilesTest);
