#include "http/StaticAsset.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

class StaticAssetTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StaticAssetTest);
    CPPUNIT_TEST(theSmallestFormThatBothHaveIsChosen);
    CPPUNIT_TEST(weightsAreHonoured);
    CPPUNIT_TEST(aFormThatIsNotThereIsNotChosen);
    CPPUNIT_TEST(whoHasItIsToldSo);
    CPPUNIT_TEST(eachFormHasATagOfItsOwn);
    CPPUNIT_TEST_SUITE_END();

    static StaticAsset whole() { return {"/a.js", "text/javascript", "d1", "plain", "zipped", "br"}; }
    static HttpRequest asking(const std::string& field, const std::string& value) {
        HttpRequest request;
        request.head.setMethod("GET");
        request.head.add(field, value);
        return request;
    }
    static std::string fieldOf(const Reply& reply, const std::string& wanted) {
        for (const auto& [name, value] : reply.fields)
            if (name == wanted) return value;
        return "";
    }
    static void chosen(Coding expected, const std::string& field) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(field, static_cast<int>(expected),
                                     static_cast<int>(chooseCoding(field, whole())));
    }

    void theSmallestFormThatBothHaveIsChosen() {
        chosen(Coding::brotli, "gzip, deflate, br, zstd");
        chosen(Coding::gzip, "gzip, deflate");
        chosen(Coding::brotli, "*");
        chosen(Coding::identity, "");
        chosen(Coding::identity, "zstd");
        chosen(Coding::brotli, "BR");
    }

    void weightsAreHonoured() {
        chosen(Coding::gzip, "br;q=0.5, gzip;q=0.8");
        chosen(Coding::gzip, "br;q=0, gzip");
        chosen(Coding::gzip, "br ; q=0.001 , gzip ; q=0.002");
        chosen(Coding::identity, "br;q=0.1, gzip;q=0.1, identity");
        chosen(Coding::identity, "identity, *;q=0");
        chosen(Coding::identity, "*;q=0"); // refused everything: better this than nothing
        chosen(Coding::identity, "br;q=x, gzip;q=");
    }

    void aFormThatIsNotThereIsNotChosen() {
        StaticAsset bare = whole();
        bare.brotli = {};
        CPPUNIT_ASSERT(chooseCoding("br, gzip", bare) == Coding::gzip);
        bare.gzip = {};
        CPPUNIT_ASSERT(chooseCoding("br, gzip", bare) == Coding::identity);
    }

    void whoHasItIsToldSo() {
        Reply reply = staticReply(whole(), asking("If-None-Match", R"("x", W/"d1")"), "no-cache");
        CPPUNIT_ASSERT_EQUAL(304, reply.status);
        CPPUNIT_ASSERT(reply.body.empty());
        CPPUNIT_ASSERT_EQUAL(std::string("\"d1\""), fieldOf(reply, "ETag"));
        CPPUNIT_ASSERT_EQUAL(std::string("no-cache"), fieldOf(reply, "Cache-Control"));
        CPPUNIT_ASSERT_EQUAL(200, staticReply(whole(), asking("If-None-Match", "\"d2\""), "no-cache").status);
    }

    void eachFormHasATagOfItsOwn() {
        Reply reply = staticReply(whole(), asking("Accept-Encoding", "br"), "no-cache");
        CPPUNIT_ASSERT_EQUAL(std::string("br"), reply.body);
        CPPUNIT_ASSERT_EQUAL(std::string("\"d1-br\""), fieldOf(reply, "ETag"));
        CPPUNIT_ASSERT_EQUAL(std::string("br"), fieldOf(reply, "Content-Encoding"));
        CPPUNIT_ASSERT_EQUAL(std::string("Accept-Encoding"), fieldOf(reply, "Vary"));
        HttpRequest request = asking("Accept-Encoding", "br");
        request.head.add("If-None-Match", "\"d1-gzip\"");
        CPPUNIT_ASSERT_EQUAL(200, staticReply(whole(), request, "no-cache").status);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StaticAssetTest);
