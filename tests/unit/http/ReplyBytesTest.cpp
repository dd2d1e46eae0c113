#include "http/ReplyBytes.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// How an answer becomes bytes.
class ReplyBytesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReplyBytesTest);
    CPPUNIT_TEST(answersAreFramed);
    CPPUNIT_TEST(headAndBodilessStatusesHaveNoBody);
    CPPUNIT_TEST(splitAnswersBecome500);
    CPPUNIT_TEST(framingFieldsFromAboveAreDropped);
    CPPUNIT_TEST(oldClientsAreToldToKeepOrClose);
    CPPUNIT_TEST(overloadSaysWhenToComeBack);
    CPPUNIT_TEST(streamsAreChunkedOrEndWithTheConnection);
    CPPUNIT_TEST(errorsHaveOneShape);
    CPPUNIT_TEST_SUITE_END();

    static bool contains(const std::string& text, const std::string& part) {
        return text.find(part) != text.npos;
    }
    static ReplyFrame frame() {
        ReplyFrame frame;
        frame.requestId = "id-1";
        return frame;
    }
    static std::size_t count(const std::string& text, const std::string& part) {
        std::size_t found = 0;
        for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
        return found;
    }

    void answersAreFramed() {
        const std::string bytes = replyBytes(Reply::text(200, "hello").with("X-A", "b"), frame());
        CPPUNIT_ASSERT(bytes.starts_with("HTTP/1.1 200 OK\r\nDate: "));
        CPPUNIT_ASSERT(bytes.ends_with("\r\n\r\nhello"));
        for (const char* line : {"\r\nContent-Length: 5\r\n", "\r\nX-Request-Id: id-1\r\n", "\r\nX-A: b\r\n",
                                 "\r\nX-Content-Type-Options: nosniff\r\n", " GMT\r\n"})
            CPPUNIT_ASSERT_MESSAGE(line, contains(bytes, line));
        CPPUNIT_ASSERT(!contains(bytes, "Connection:"));
        CPPUNIT_ASSERT(contains(replyBytes(Reply{}, frame()), "\r\nContent-Length: 0\r\n"));
    }
    void headAndBodilessStatusesHaveNoBody() {
        ReplyFrame head = frame();
        head.headOnly = true;
        const std::string bytes = replyBytes(Reply::text(200, "hello"), head);
        CPPUNIT_ASSERT(contains(bytes, "Content-Length: 5\r\n"));
        CPPUNIT_ASSERT(bytes.ends_with("\r\n\r\n"));
        for (const int status : {204, 304}) {
            Reply reply;
            reply.status = status;
            reply.body = "ignored";
            const std::string none = replyBytes(reply, frame());
            CPPUNIT_ASSERT(none.ends_with("\r\n\r\n"));
            CPPUNIT_ASSERT(!contains(none, "Content-Length"));
        }
    }
    void splitAnswersBecome500() {
        for (const std::string& value : {std::string("a\r\nSet-Cookie: x"), std::string("a\nb"),
                                         std::string("a\rb"), std::string("a\0b", 3)}) {
            const std::string bytes = replyBytes(Reply::text(200, "secret").with("Location", value), frame());
            CPPUNIT_ASSERT(bytes.starts_with("HTTP/1.1 500 "));
            CPPUNIT_ASSERT(!contains(bytes, "Set-Cookie"));
            CPPUNIT_ASSERT(!contains(bytes, "secret"));
        }
        CPPUNIT_ASSERT(
            replyBytes(Reply::text(200, "").with("Bad Name", "x"), frame()).starts_with("HTTP/1.1 500 "));
        CPPUNIT_ASSERT(replyBytes(Reply::text(200, "").with("", "x"), frame()).starts_with("HTTP/1.1 500 "));
        for (const int status : {0, 100, 199, 600, -1})
            CPPUNIT_ASSERT(replyBytes(Reply::text(status, ""), frame()).starts_with("HTTP/1.1 500 "));
    }
    void framingFieldsFromAboveAreDropped() {
        const std::string bytes = replyBytes(Reply::text(200, "hello")
                                                 .with("content-length", "99")
                                                 .with("Transfer-Encoding", "chunked")
                                                 .with("Connection", "upgrade")
                                                 .with("X-Request-Id", "other"),
                                             frame());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), count(bytes, "ontent-Length"));
        CPPUNIT_ASSERT(!contains(bytes, "99"));
        CPPUNIT_ASSERT(!contains(bytes, "chunked"));
        CPPUNIT_ASSERT(!contains(bytes, "upgrade"));
        CPPUNIT_ASSERT(!contains(bytes, "other"));
    }
    void oldClientsAreToldToKeepOrClose() {
        ReplyFrame old = frame();
        old.http10 = true;
        CPPUNIT_ASSERT(contains(replyBytes(Reply{}, old), "\r\nConnection: keep-alive\r\n"));
        old.keepAlive = false;
        CPPUNIT_ASSERT(contains(replyBytes(Reply{}, old), "\r\nConnection: close\r\n"));
        Reply closing;
        closing.close = true;
        CPPUNIT_ASSERT(contains(replyBytes(closing, frame()), "\r\nConnection: close\r\n"));
    }
    void overloadSaysWhenToComeBack() {
        CPPUNIT_ASSERT(contains(replyBytes(Reply::text(503, ""), frame()), "\r\nRetry-After: 1\r\n"));
        CPPUNIT_ASSERT(contains(replyBytes(Reply::text(429, ""), frame()), "\r\nRetry-After: 1\r\n"));
        const std::string own = replyBytes(Reply::text(503, "").with("retry-after", "30"), frame());
        CPPUNIT_ASSERT(contains(own, "retry-after: 30") && !contains(own, "Retry-After"));
    }
    void streamsAreChunkedOrEndWithTheConnection() {
        const std::string chunked = streamHeadBytes(Reply::text(200, "ignored"), frame());
        CPPUNIT_ASSERT(contains(chunked, "\r\nTransfer-Encoding: chunked\r\n"));
        CPPUNIT_ASSERT(!contains(chunked, "Content-Length"));
        CPPUNIT_ASSERT(chunked.ends_with("\r\n\r\n"));
        ReplyFrame old = frame();
        old.http10 = true;
        const std::string closing = streamHeadBytes(Reply::text(200, ""), old);
        CPPUNIT_ASSERT(!contains(closing, "Transfer-Encoding"));
        CPPUNIT_ASSERT(contains(closing, "\r\nConnection: close\r\n"));
        CPPUNIT_ASSERT_EQUAL(std::string("1a\r\nabcdefghijklmnopqrstuvwxyz\r\n"),
                             chunkBytes("abcdefghijklmnopqrstuvwxyz"));
        CPPUNIT_ASSERT_EQUAL(std::string(), chunkBytes(""));
    }
    void errorsHaveOneShape() {
        const Reply reply =
            Reply::error(400, "Title", "Advice", "CODE", "r1", Json::array({{{"field", "name"}}}));
        CPPUNIT_ASSERT_EQUAL(400, reply.status);
        CPPUNIT_ASSERT_EQUAL(
            std::string(
                R"({"code":"CODE","details":[{"field":"name"}],"error":"Title","message":"Advice","requestId":"r1"})"),
            reply.body);
        CPPUNIT_ASSERT_EQUAL(std::string("application/json"), reply.fields.at(0).second);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ReplyBytesTest);
