#include "exec/SecretMask.h"

#include <cppunit/extensions/HelperMacros.h>

#include <random>

using namespace usher;

class SecretMaskTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecretMaskTest);
    CPPUNIT_TEST(valuesAreMaskedHoweverTheyAreCut);
    CPPUNIT_TEST(theLongestValueWins);
    CPPUNIT_TEST(whatOnlyBeganIsShownAtTheEnd);
    CPPUNIT_TEST(linesOfAValueCountToo);
    CPPUNIT_TEST(withoutSecretsNothingChanges);
    CPPUNIT_TEST_SUITE_END();

    static std::string inPieces(SecretMask& mask, const std::string& text, std::size_t size) {
        std::string out;
        for (std::size_t at = 0; at < text.size(); at += size) out += mask.feed(text.substr(at, size));
        return out + mask.finish();
    }

    void valuesAreMaskedHoweverTheyAreCut() {
        SecretMask mask(Environment{{"A", "hunter2"}, {"B", "aab"}, {"C", "\xc3\xa4\xc3\xb6"}});
        const std::string text = "x hunter2 aaab hunterhunter2 \xc3\xa4\xc3\xb6 \xc3\xa4 hunter";
        const std::string wanted = "x *** a*** hunter*** *** \xc3\xa4 hunter";
        for (std::size_t size = 1; size <= text.size(); ++size)
            CPPUNIT_ASSERT_EQUAL(wanted, inPieces(mask, text, size));
        CPPUNIT_ASSERT_EQUAL(wanted, mask.masked(text));
    }

    void theLongestValueWins() {
        SecretMask mask(Environment{{"A", "abc"}, {"B", "abcdef"}});
        for (std::size_t size : {1, 2, 3, 100}) {
            CPPUNIT_ASSERT_EQUAL(std::string("***-***de"), inPieces(mask, "abcdef-abcde", size));
            CPPUNIT_ASSERT_EQUAL(std::string("***"), inPieces(mask, "abc", size));
        }
    }

    void whatOnlyBeganIsShownAtTheEnd() {
        SecretMask mask(Environment{{"A", "hunter2"}});
        CPPUNIT_ASSERT_EQUAL(std::string("see "), mask.feed("see hunt"));
        CPPUNIT_ASSERT_EQUAL(std::string("hunting "), mask.feed("ing hun"));
        CPPUNIT_ASSERT_EQUAL(std::string("hun"), mask.finish());
        CPPUNIT_ASSERT_EQUAL(std::string("ter2"), mask.feed("ter2")); // another stream
    }

    void linesOfAValueCountToo() {
        SecretMask mask(Environment{{"KEY", "-----BEGIN-----\nMIIEvQIBADAN\nAB\n"}});
        CPPUNIT_ASSERT_EQUAL(std::string("got *** and AB"), mask.masked("got MIIEvQIBADAN and AB"));
        CPPUNIT_ASSERT_EQUAL(std::string("***"), mask.masked("-----BEGIN-----\nMIIEvQIBADAN\nAB\n"));
    }

    void withoutSecretsNothingChanges() {
        SecretMask mask(Environment{{"A", ""}});
        CPPUNIT_ASSERT(mask.empty());
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), mask.feed("abc"));
        CPPUNIT_ASSERT_EQUAL(std::string(), mask.finish());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SecretMaskTest);
