#include "http/OpenApiDocument.h"

#include "domain/Run.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// What the document says of values that the code lists, too. Routes, answers and bodies: tests/openapi.
class OpenApiDocumentTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OpenApiDocumentTest);
    CPPUNIT_TEST(everyStatusIsDescribedAndNoOther);
    CPPUNIT_TEST_SUITE_END();

    template <class Status>
    static std::string all(Status last) {
        Json names = Json::array();
        for (int i = 0; i <= static_cast<int>(last); ++i) names.push_back(toText(static_cast<Status>(i)));
        return toText(names);
    }
    void everyStatusIsDescribedAndNoOther() {
        const auto parsed = parseJson(OpenApiDocument().text(), {.maxBytes = 4u << 20, .maxValues = 200'000});
        const Json& schemas = std::get<Json>(parsed)["components"]["schemas"];
        auto described = [&](const char* schema) {
            return toText(schemas[schema]["properties"]["status"]["enum"]);
        };
        CPPUNIT_ASSERT_EQUAL(all(RunStatus::lost), described("Run"));
        CPPUNIT_ASSERT_EQUAL(all(RunStatus::lost), described("RunSummary"));
        CPPUNIT_ASSERT_EQUAL(all(TestStatus::skipped), described("RunTest"));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OpenApiDocumentTest);
