#include "app/TriggerBody.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

class TriggerBodyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TriggerBodyTest);
    CPPUNIT_TEST(readsParametersAndKey);
    CPPUNIT_TEST(refusesWhatIsNotAsDocumented);
    CPPUNIT_TEST(parametersMustBeDeclared);
    CPPUNIT_TEST(patternsAreAnchored);
    CPPUNIT_TEST(namesOfTheSystemAreNotForParameters);
    CPPUNIT_TEST(lengthsAreCountedInCharacters);
    CPPUNIT_TEST_SUITE_END();

    static bool refused(const std::string& body) {
        auto parsed = parseTriggerBody(body);
        const auto* refusal = std::get_if<Refusal>(&parsed);
        return refusal && refusal->status == 400 && refusal->code == "INVALID_BODY" &&
               !refusal->details.empty();
    }

    void readsParametersAndKey() {
        auto parsed = parseTriggerBody(R"({"parameters":{"A":"1","B":""},"idempotencyKey":"k"})");
        const auto& body = std::get<TriggerBody>(parsed);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), body.parameters.at("A"));
        CPPUNIT_ASSERT_EQUAL(std::string("k"), *body.idempotencyKey);
        CPPUNIT_ASSERT(std::get<TriggerBody>(parseTriggerBody("")).parameters.empty());
        CPPUNIT_ASSERT(std::get<TriggerBody>(parseTriggerBody("{}")).parameters.empty());
    }
    void refusesWhatIsNotAsDocumented() {
        for (const char* body : {"[]", "null", "1", "\"x\"", "{", R"({"x":1})", R"({"parameters":[]})",
                                 R"({"parameters":{"A":1}})", R"({"parameters":{"A":null}})",
                                 R"({"parameters":{"A":"1","A":"2"}})", R"({"idempotencyKey":""})",
                                 R"({"idempotencyKey":7})", R"({"parameters":{"A":"\u0000"}})", "{}{}"})
            CPPUNIT_ASSERT_MESSAGE(body, refused(body));
    }
    void parametersMustBeDeclared() {
        ParameterRules rules;
        std::vector<Parameter> declared = {{"A", true, {}, {}}, {"B", false, "b", {}}};
        auto good = rules.apply(declared, {{"A", "1"}});
        CPPUNIT_ASSERT((std::get<Environment>(good) == Environment{{"A", "1"}, {"B", "b"}}));
        CPPUNIT_ASSERT(std::holds_alternative<Refusal>(rules.apply(declared, {})));
        CPPUNIT_ASSERT(std::holds_alternative<Refusal>(rules.apply(declared, {{"A", "1"}, {"C", "2"}})));
    }
    void patternsAreAnchored() {
        ParameterRules rules;
        std::vector<Parameter> declared = {{"A", false, {}, "[a-z]+"}};
        CPPUNIT_ASSERT(std::holds_alternative<Environment>(rules.apply(declared, {{"A", "abc"}})));
        for (const char* bad : {"abc1", "1abc", "", "abc\n", "ABC"})
            CPPUNIT_ASSERT_MESSAGE(bad, std::holds_alternative<Refusal>(rules.apply(declared, {{"A", bad}})));
        CPPUNIT_ASSERT(ParameterRules::problemWith({"A", false, {}, "(a"}));
        CPPUNIT_ASSERT(ParameterRules::problemWith({"A", false, {}, std::string(257, 'a')}));
        CPPUNIT_ASSERT(ParameterRules::problemWith({"A", false, "1", "[a-z]+"}));
        CPPUNIT_ASSERT(!ParameterRules::problemWith({"A", false, "x", "[a-z]+"}));
    }
    void lengthsAreCountedInCharacters() {
        auto times = [](int count) {
            std::string text;
            for (int i = 0; i < count; ++i) text += "\u00e9";
            return text;
        };
        CPPUNIT_ASSERT(!ParameterRules::problemWith({"A", false, {}, times(256)}));
        CPPUNIT_ASSERT(ParameterRules::problemWith({"A", false, {}, times(257)}));
        CPPUNIT_ASSERT(!refused(R"({"idempotencyKey":")" + times(255) + R"("})"));
        CPPUNIT_ASSERT(refused(R"({"idempotencyKey":")" + times(256) + R"("})"));
        CPPUNIT_ASSERT(isIdempotencyKey(times(255)) && !isIdempotencyKey(times(256)));
        CPPUNIT_ASSERT(!isIdempotencyKey("") && !isIdempotencyKey("\xff"));
    }
    void namesOfTheSystemAreNotForParameters() {
        for (const char* name :
             {"PATH", "HOME", "TMPDIR", "LD_PRELOAD", "USHER_RUN_ID", "a", "1A", "A-B", ""})
            CPPUNIT_ASSERT_MESSAGE(name, !isParameterName(name));
        CPPUNIT_ASSERT(!isParameterName(std::string(65, 'A')));
        for (const char* name : {"A", "_", "TARGET_URL", "PATHS", "LD"})
            CPPUNIT_ASSERT_MESSAGE(name, isParameterName(name));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TriggerBodyTest);
