#include "base/Json.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// What the strict decoder refuses, and that it still reads what is right.
class JsonTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JsonTest);
    CPPUNIT_TEST(readsWhatIsRight);
    CPPUNIT_TEST(refusesDuplicateKeysAtAnyDepth);
    CPPUNIT_TEST(refusesWhatWouldBeRounded);
    CPPUNIT_TEST(refusesBadText);
    CPPUNIT_TEST(refusesDepthAndSize);
    CPPUNIT_TEST_SUITE_END();

    static bool refused(const std::string& text, const JsonLimits& limits = {}) {
        return std::holds_alternative<JsonError>(parseJson(text, limits));
    }

    void readsWhatIsRight() {
        auto parsed = parseJson(R"({"a":[1,-2,0.5,true,null,"\u00e9\ud83d\ude00"],"b":{"a":1}})");
        const Json& json = std::get<Json>(parsed);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":[1,-2,0.5,true,null,"é😀"],"b":{"a":1}})"), toText(json));
        CPPUNIT_ASSERT(!refused("9223372036854775807"));
    }
    void refusesDuplicateKeysAtAnyDepth() {
        CPPUNIT_ASSERT(refused(R"({"a":1,"a":2})"));
        CPPUNIT_ASSERT(refused(R"([{"x":{"b":1,"c":2,"b":3}}])"));
        CPPUNIT_ASSERT(refused(R"({"a":1,"\u0061":2})"));
    }
    void refusesWhatWouldBeRounded() {
        CPPUNIT_ASSERT(refused("1e999"));
        CPPUNIT_ASSERT(refused("9223372036854775808"));
        CPPUNIT_ASSERT(refused("99999999999999999999999"));
        CPPUNIT_ASSERT(refused("-99999999999999999999999"));
    }
    void refusesBadText() {
        for (const char* text : {"",
                                 " ",
                                 "{",
                                 "[1,]",
                                 "{\"a\":1,}",
                                 "01",
                                 "+1",
                                 "'a'",
                                 "\"\\ud800\"",
                                 "\"\\udc00\"",
                                 "\"\xff\"",
                                 "\"\xc0\x80\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"a\nb\"",
                                 "\"\\u0000\"",
                                 "nul",
                                 "1 2",
                                 "NaN",
                                 "// x\n1",
                                 "\xEF\xBB\xBF{}",
                                 "\"\\x41\""})
            CPPUNIT_ASSERT_MESSAGE(text, refused(text));
        CPPUNIT_ASSERT(refused(std::string("{}\0", 3)));
    }
    void refusesDepthAndSize() {
        CPPUNIT_ASSERT(refused(std::string(100'000, '[')));
        CPPUNIT_ASSERT(refused(std::string(33, '[') + std::string(33, ']')));
        CPPUNIT_ASSERT(!refused(std::string(32, '[') + std::string(32, ']')));
        CPPUNIT_ASSERT(refused("\"" + std::string(100, 'x') + "\"", {.maxBytes = 50}));
        CPPUNIT_ASSERT(refused("[1,2,3,4,5]", {.maxValues = 5}));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(JsonTest);
