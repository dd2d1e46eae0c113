#include "common/Crypto.h"
#include "common/Json.h"
#include "common/Text.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::plugin;

/// The plugins' own codecs: known answers, and what they refuse.
class CommonTextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CommonTextTest);
    CPPUNIT_TEST(digestsAndEncodingsGiveKnownAnswers);
    CPPUNIT_TEST(randomTextUsesEveryCharacterAlike);
    CPPUNIT_TEST(strictJsonRefusesWhatIsAmbiguous);
    CPPUNIT_TEST(timesComeBackAsTheyWent);
    CPPUNIT_TEST(utf8IsCheckedToTheLetter);
    CPPUNIT_TEST_SUITE_END();

    void digestsAndEncodingsGiveKnownAnswers() {
        CPPUNIT_ASSERT_EQUAL(std::string("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"),
                             toBase64Url(sha256("abc")));
        CPPUNIT_ASSERT_EQUAL(std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                             toHex(sha256("abc")));
        CPPUNIT_ASSERT_EQUAL(std::string("ZUKkGNH5dukELJ5PTH7BANgm6goAuz7psevEZIZ2eR8="),
                             toBase64(hmacSha256("lab-secret-0123456789abcdefghijklmnopqrstuv",
                                                 "AbCdEfGhIjKlMnOpQrStUvWxYz012345")));
        CPPUNIT_ASSERT_EQUAL(std::string("Zm9vYg=="), toBase64("foob"));
        CPPUNIT_ASSERT_EQUAL(std::string("foob"), *fromBase64("Zm9vYg=="));
        CPPUNIT_ASSERT(!fromBase64("Zm9vYh==") && !fromBase64("Zm9vYg") && !fromBase64("Zm9v_g=="));
        CPPUNIT_ASSERT_EQUAL(std::string("\x00\xff", 2), *fromHex("00Ff"));
        CPPUNIT_ASSERT(!fromHex("0") && !fromHex("0g"));
        CPPUNIT_ASSERT(equalsConstantTime("ab", "ab") && !equalsConstantTime("ab", "ac") &&
                       !equalsConstantTime("ab", "abc"));
        CPPUNIT_ASSERT_EQUAL(std::string("a%20%C3%A9~"), percentEncode("a é~"));
        CPPUNIT_ASSERT(percentDecode("a%20b") == "a b" && !percentDecode("%4") && !percentDecode("%zz"));
    }
    void randomTextUsesEveryCharacterAlike() {
        const std::string text =
            randomText(62'000, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        std::size_t counts[256] = {};
        for (const char c : text) ++counts[static_cast<unsigned char>(c)];
        for (const char c : std::string("09AZaz")) {
            CPPUNIT_ASSERT(counts[static_cast<unsigned char>(c)] > 800);
            CPPUNIT_ASSERT(counts[static_cast<unsigned char>(c)] < 1200);
        }
    }
    void strictJsonRefusesWhatIsAmbiguous() {
        auto refused = [](std::string_view text) {
            return std::holds_alternative<JsonError>(parseJson(text));
        };
        for (const char* text : {"", "{", "[1,]", R"({"a":1,"a":2})", R"([{"x":{"b":1,"\u0062":3}}])",
                                 "1e999", "9223372036854775808", "-99999999999999999999", "\"\\ud800\"",
                                 "\"\\u0000\"", "\"\xff\"", "1 2", "NaN", "\xEF\xBB\xBF{}"})
            CPPUNIT_ASSERT_MESSAGE(text, refused(text));
        CPPUNIT_ASSERT(refused(std::string_view("{}\0", 3)));
        CPPUNIT_ASSERT(refused(std::string(33, '[') + std::string(33, ']')));
        CPPUNIT_ASSERT(!refused(std::string(32, '[') + std::string(32, ']')));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":[1,-2,true,null,"é"]})"),
                             toText(std::get<Json>(parseJson(R"({"a":[1,-2,true,null,"\u00e9"]})"))));
    }
    void timesComeBackAsTheyWent() {
        CPPUNIT_ASSERT_EQUAL(std::string("2026-01-31T12:00:00.000Z"), formatTime(1'769'860'800'000'000));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1'769'860'800'123'456}, *parseTime("2026-01-31T12:00:00.123456Z"));
        for (const char* text :
             {"2026-02-30T12:00:00Z", "2026-01-31 12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:00.Z",
              "2026-01-31T12:00:00+01:00", "2026-01-31T12:00:00.1234567Z"})
            CPPUNIT_ASSERT_MESSAGE(text, !parseTime(text));
        CPPUNIT_ASSERT(parseUuid("0190A0B0-0000-7000-8000-00000000ABCD") ==
                       "0190a0b0-0000-7000-8000-00000000abcd");
        CPPUNIT_ASSERT(!parseUuid("0190a0b0-0000-7000-8000-00000000abc") &&
                       !parseUuid("0190a0b0x0000-7000-8000-00000000abcd"));
    }
    void utf8IsCheckedToTheLetter() {
        CPPUNIT_ASSERT(isUtf8("é€😀") && codePoints("é€😀") == 3);
        for (const char* text :
             {"\xff", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
            CPPUNIT_ASSERT(!isUtf8(text));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(CommonTextTest);
