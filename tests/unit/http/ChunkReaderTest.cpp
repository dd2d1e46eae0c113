#include "http/ChunkReader.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// What a chunked body may look like.
class ChunkReaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChunkReaderTest);
    CPPUNIT_TEST(bodiesComeOutWhole);
    CPPUNIT_TEST(nothingBehindTheBodyIsTaken);
    CPPUNIT_TEST(sizesAreStrict);
    CPPUNIT_TEST(extensionsAreStrict);
    CPPUNIT_TEST(lineEndsAreStrict);
    CPPUNIT_TEST(trailersAreDiscardedOrRefused);
    CPPUNIT_TEST(tooLargeIsToldFromTheSize);
    CPPUNIT_TEST(extensionsAndTrailersAreBounded);
    CPPUNIT_TEST(whatIsWrongIsRefusedBeforeTheLineEnds);
    CPPUNIT_TEST_SUITE_END();

    /// The body, or "REFUSED <status>", or "INCOMPLETE".
    static std::string read(const std::string& bytes, std::size_t step, std::size_t maxBytes,
                            std::string* rest = nullptr) {
        ChunkReader reader(maxBytes);
        std::string body;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            std::string_view piece = std::string_view(bytes).substr(at, step);
            const auto state = reader.read(piece, body);
            if (state == ChunkReader::State::Refused)
                return "REFUSED " + std::to_string(reader.refusal().status);
            if (state == ChunkReader::State::Complete) {
                if (rest) *rest = std::string(piece) + bytes.substr(std::min(bytes.size(), at + step));
                return body;
            }
        }
        return "INCOMPLETE";
    }
    static void expect(const std::string& wanted, const std::string& bytes, std::size_t maxBytes = 1000) {
        for (const std::size_t step :
             {bytes.size() + 1, std::size_t(1), std::size_t(2), std::size_t(3), std::size_t(7)})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes, wanted, read(bytes, step, maxBytes));
    }
    static void refused(const std::string& bytes) { expect("REFUSED 400", bytes); }

    void bodiesComeOutWhole() {
        expect("", "0\r\n\r\n");
        expect("", "0000\r\n\r\n");
        expect("hello", "5\r\nhello\r\n0\r\n\r\n");
        expect("hello world", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
        expect("0123456789abcdef", "10\r\n0123456789abcdef\r\n0\r\n\r\n");
        expect("0123456789", "A\r\n0123456789\r\n0\r\n\r\n");
        expect("0123456789", "0a\r\n0123456789\r\n0\r\n\r\n");
        expect("\r\n0\r\n\r\n", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n");
        expect("INCOMPLETE", "5\r\nhello\r\n0\r\n");
        expect("INCOMPLETE", "5\r\nhel");
    }
    void nothingBehindTheBodyIsTaken() {
        for (const std::size_t step : {std::size_t(100), std::size_t(1)}) {
            std::string rest;
            CPPUNIT_ASSERT_EQUAL(std::string("a"),
                                 read("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1", step, 10, &rest));
            CPPUNIT_ASSERT_EQUAL(std::string("GET / HTTP/1.1"), rest);
        }
    }
    void sizesAreStrict() {
        for (const char* size : {"",
                                 " ",
                                 "-1",
                                 "+1",
                                 "0x5",
                                 " 5",
                                 "5 ",
                                 "\t5",
                                 "5\t",
                                 "g",
                                 "5g",
                                 "5,5",
                                 "5.",
                                 "\"5\"",
                                 "5 5",
                                 "00000000000000005",
                                 "fffffffffffffffff",
                                 "10000000000000000",
                                 "5\xa0",
                                 "\xef\xbc\x95",
                                 "five",
                                 "5h",
                                 "0X5",
                                 "5_0",
                                 "--",
                                 "5-",
                                 "(5)",
                                 "'5'"})
            refused(std::string(size) + "\r\nhello\r\n0\r\n\r\n");
        refused("5\r\nhello\r\n-0\r\n\r\n");
        refused("5\r\nhello\r\n 0\r\n\r\n");
        expect("REFUSED 413", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n");
        expect("REFUSED 413", "7fffffffffffffff\r\nhello\r\n0\r\n\r\n");
        expect("hello", "0000000000000005\r\nhello\r\n0\r\n\r\n");
    }
    void extensionsAreStrict() {
        for (const char* good : {";a", ";a=b", ";a=\"b\"", ";a=\"b;c\"", ";a=\"\\\"\"", ";a;b;c=d", "; a = b",
                                 ";\ta", ";a ;b", ";a=\"\"", ";a=\"\x80\""})
            expect("hello", std::string("5") + good + "\r\nhello\r\n0" + good + "\r\n\r\n");
        for (const char* bad :
             {";",       ";;",     "; ",    ";=",       ";=b",       ";a=",        ";a= ",
              ";a ",     ";a=b ",  ";a=\"", ";a=\"b",   ";a=\"b\\",  ";a=\"b\\\"", ";a=\"b\"c",
              ";a b",    ";a=b c", ";a,b",  ";a=(b)",   ";a=b=c",    " ;a",        "\t;a",
              ";a=\x80", ";\x80",  ";a;",   ";\"a\"=b", ";a=\"b\" c"})
            refused(std::string("5") + bad + "\r\nhello\r\n0\r\n\r\n");
        // An endless string would swallow the line end for one reader and not for another.
        refused("5;a=\"\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n\"\r\n");
    }
    void lineEndsAreStrict() {
        for (const char* bytes :
             {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n",
              "5\r\nhello\r\n0\r\n\n", "5\rhello\r\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n",
              "5\r\nhello0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n",
              "6\r\nhello\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n",
              "5;a\rb\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n\r\n0\r\n\r\n",
              "0\r\n\rX"})
            refused(bytes);
        refused(std::string("5\0\r\nhello\r\n0\r\n\r\n", 17));
        refused(std::string("5;a=\"\0\"\r\nhello\r\n0\r\n\r\n", 22));
    }
    void trailersAreDiscardedOrRefused() {
        expect("a", "1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n");
        expect("a", "1\r\na\r\n0\r\nX-Sum:1\r\nY:\r\n\r\n");
        for (const char* bad : {"Content-Length: 5",
                                "content-length: 5",
                                "Transfer-Encoding: chunked",
                                "Host: a",
                                "Authorization: Bearer x",
                                "X-Api-Key: k",
                                "Content-Type: a/b",
                                "Connection: close",
                                "Trailer: x",
                                "Cookie: a=b",
                                "Content-Encoding: gzip",
                                "Idempotency-Key: a",
                                "X",
                                ": a",
                                "X : a",
                                " X: a",
                                "\tX: a",
                                "X: a\r\n b",
                                "X\"Y: a",
                                "X: \x01",
                                "X: a\x7f",
                                "GET / HTTP/1.1",
                                "X Y: a"})
            refused(std::string("1\r\na\r\n0\r\n") + bad + "\r\n\r\n");
        refused("1\r\na\r\n0\r\nX: a\nY: b\r\n\r\n");
        refused("1\r\na\r\n0\r\nX: a\rY: b\r\n\r\n");
    }
    void tooLargeIsToldFromTheSize() {
        expect("hello", "5\r\nhello\r\n0\r\n\r\n", 5);
        expect("REFUSED 413", "5\r\nhello\r\n0\r\n\r\n", 4);
        expect("REFUSED 413", "5\r\n", 4);
        expect("REFUSED 413", "3\r\nabc\r\n3\r\n", 5);
        expect("", "0\r\n\r\n", 0);
    }
    void extensionsAndTrailersAreBounded() {
        refused("1;" + std::string(20'000, 'a'));
        refused("0\r\nX: " + std::string(20'000, 'a'));
        std::string many;
        for (int i = 0; i < 2'000; ++i) many += "1;abcdefgh\r\na\r\n";
        expect("REFUSED 400", many + "0\r\n\r\n", 1'000'000);
        many.clear();
        for (int i = 0; i < 2'000; ++i) many += "X: y12345\r\n";
        refused("0\r\n" + many + "\r\n");
        many.clear();
        for (int i = 0; i < 2'000; ++i) many += "1\r\na\r\n";
        expect(std::string(2'000, 'a'), many + "0\r\n\r\n", 1'000'000);
    }
    void whatIsWrongIsRefusedBeforeTheLineEnds() {
        for (const char* bytes : {"x", "-", " ", "5 ", "5x", "\n", "5\n", "5\rx", "1\r\nab",
                                  "1\r\na\r\n0\r\n ", "0000000000000000f;"})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes,
                                         std::string("0000000000000000f;") == bytes
                                             ? std::string("INCOMPLETE")
                                             : std::string("REFUSED 400"),
                                         read(bytes, 1, 100));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ChunkReaderTest);
