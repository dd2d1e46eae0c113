#include "Secrets.h"

#include "usher/auth.hpp"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::webhooks;

namespace {

const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11",
                  kOther = "00000000-0000-4000-8000-000000000001";
const std::string kOne = "first-secret-of-30-characters!", kTwo = "second-secret-of-30-characters";

std::string texts(const std::vector<Secret>& secrets) {
    std::string all;
    for (const Secret& one : secrets) all += one.text + ";";
    return all;
}

} // namespace

/// The files of secrets: which job takes which, and that a mistake in them is no weaker secret.
class SecretsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecretsTest);
    CPPUNIT_TEST(aJobTakesItsOwnAloneWhenItHasSome);
    CPPUNIT_TEST(linesAreSecretsOrNothing);
    CPPUNIT_TEST(standardKeysAreBase64BehindTheirPrefix);
    CPPUNIT_TEST(whatIsNoSecretIsRefusedAndNotTold);
    CPPUNIT_TEST_SUITE_END();

    void aJobTakesItsOwnAloneWhenItHasSome() {
        std::string large = kJob;
        for (char& c : large) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        const Secrets secrets =
            Secrets::read(kOne, kJob + " " + kTwo + "\n" + large + "\tthird-secret-of-30-characters!\n");
        CPPUNIT_ASSERT_EQUAL(kTwo + ";third-secret-of-30-characters!;", texts(secrets.of(kJob)));
        CPPUNIT_ASSERT_EQUAL(kOne + ";", texts(secrets.of(kOther)));
        CPPUNIT_ASSERT_EQUAL(kOne + ";", texts(secrets.of("")));
        CPPUNIT_ASSERT(!secrets.empty());
        const Secrets own = Secrets::read("", kJob + " " + kTwo);
        CPPUNIT_ASSERT(own.of(kOther).empty() && !own.empty());
    }

    void linesAreSecretsOrNothing() {
        const Secrets secrets = Secrets::read("# " + kTwo + "\n\n  " + kOne + " \r\n#\n" + kTwo, "");
        CPPUNIT_ASSERT_EQUAL(kOne + ";" + kTwo + ";", texts(secrets.of(kJob)));
        CPPUNIT_ASSERT(Secrets::read("", "").empty());
        CPPUNIT_ASSERT(Secrets::read("\n# nothing\n", " ").empty());
    }

    void standardKeysAreBase64BehindTheirPrefix() {
        const std::string text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
        const Secrets secrets = Secrets::read(text + "\n" + kOne, "");
        CPPUNIT_ASSERT_EQUAL(std::string("0123456789abcdef01234567"), secrets.of(kJob)[0].standardKey);
        CPPUNIT_ASSERT_EQUAL(text, secrets.of(kJob)[0].text);
        CPPUNIT_ASSERT_EQUAL(kOne, secrets.of(kJob)[1].standardKey);
    }

    void whatIsNoSecretIsRefusedAndNotTold() {
        for (const std::string& line :
             {std::string("nineteen-characters"), std::string("two words of thirty characters"),
              std::string("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY"),  // no whole base64
              std::string("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY="), // 23 bytes
              std::string("whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")})
            refused(line, line, "");
        refused(kTwo, "", kTwo);
        refused(kTwo, "", "nightly " + kTwo);
        refused(kJob, "", kJob);
        refused("short-one", "", kJob + " short-one");
        refused(kTwo, "", kJob + " " + kOne + " " + kTwo);
        Secrets::read("just-twenty-letters-", "");
    }

    void refused(const std::string& secret, const std::string& everyJob, const std::string& perJob) {
        try {
            Secrets::read(everyJob, perJob);
        } catch (const usher::auth::ConfigError& error) {
            CPPUNIT_ASSERT(std::string(error.what()).find("line 1") != std::string::npos);
            CPPUNIT_ASSERT(std::string(error.what()).find(secret) == std::string::npos);
            return;
        }
        CPPUNIT_FAIL(secret + " was taken");
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SecretsTest);
