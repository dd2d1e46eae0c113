#include "Heads.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

/// What a request's head may look like, case by case.
class RequestRulesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RequestRulesTest);
    CPPUNIT_TEST(plainRequestsAreAccepted);
    CPPUNIT_TEST(requestLinesAreStrict);
    CPPUNIT_TEST(versionsOtherThanOneAreRefused);
    CPPUNIT_TEST(targetsAreStrict);
    CPPUNIT_TEST(absoluteTargetsAreAccepted);
    CPPUNIT_TEST(hostIsThereOnceAndValid);
    CPPUNIT_TEST(hostSyntax);
    CPPUNIT_TEST(lineEndsAreStrict);
    CPPUNIT_TEST(fieldsAreStrict);
    CPPUNIT_TEST(controlCharactersAreRefusedEverywhere);
    CPPUNIT_TEST(contentLengthIsOnePlainNumber);
    CPPUNIT_TEST(transferEncodingIsChunkedAlone);
    CPPUNIT_TEST(fieldsThatDecideMayNotRepeat);
    CPPUNIT_TEST(oneEmptyLineInFrontIsTolerated);
    CPPUNIT_TEST(connectionOptionsAreReadFromAllLines);
    CPPUNIT_TEST(expectationsAndCodings);
    CPPUNIT_TEST(requestIdsAreTakenOnlyWhenHarmless);
    CPPUNIT_TEST(limitsHoldWhileBytesArrive);
    CPPUNIT_TEST(pathAndQueryAreSplit);
    CPPUNIT_TEST(everyPrefixOfAGoodHeadIsIncomplete);
    CPPUNIT_TEST_SUITE_END();

    static void expect(int status, const std::string& head) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(head, status, judge(head));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("byte by byte: " + head, status, judgeSlowly(head));
    }
    static void expectLine(int status, const std::string& line) {
        expect(status, line + "\r\nHost: a\r\n\r\n");
    }
    static void expectFields(int status, const std::string& fields) {
        expect(status, "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    }
    static RequestPlan planOf(const std::string& bytes, RequestHead& head) {
        CPPUNIT_ASSERT(!readHead(bytes, head));
        auto plan = judgeHead(head);
        CPPUNIT_ASSERT_MESSAGE(bytes, std::holds_alternative<RequestPlan>(plan));
        return std::get<RequestPlan>(plan);
    }
    static RequestPlan planOf(const std::string& bytes) {
        RequestHead head;
        return planOf(bytes, head);
    }

    void plainRequestsAreAccepted() {
        for (const char* line :
             {"GET / HTTP/1.1", "GET / HTTP/1.0", "HEAD /a/b HTTP/1.1", "DELETE /api/jobs/1 HTTP/1.1",
              "OPTIONS * HTTP/1.1", "PROPFIND / HTTP/1.1", "get / HTTP/1.1", "M!#$%&'*+-.^_`|~0 / HTTP/1.1",
              "GET /?a=b&c=d HTTP/1.1", "GET /%41%2f HTTP/1.1", "GET //a//b HTTP/1.1",
              "GET /;p?q;/? HTTP/1.1", "GET /-._~!$&'()*+,;=:@ HTTP/1.1"})
            expectLine(0, line);
        expect(0, "GET / HTTP/1.0\r\n\r\n");
        expectFields(0, "Content-Length: 5\r\nContent-Type: application/json\r\nAuthorization: Bearer x\r\n");
        expectFields(0, "Transfer-Encoding: chunked\r\n");
    }
    void requestLinesAreStrict() {
        for (const char* line : {"GET  / HTTP/1.1",
                                 "GET /  HTTP/1.1",
                                 " GET / HTTP/1.1",
                                 "GET / HTTP/1.1 ",
                                 "GET\t/ HTTP/1.1",
                                 "GET /\tHTTP/1.1",
                                 "GET /",
                                 "GET",
                                 "GET /a b HTTP/1.1",
                                 "G(T / HTTP/1.1",
                                 "G\"T / HTTP/1.1",
                                 "GET,POST / HTTP/1.1",
                                 "GET: / HTTP/1.1",
                                 "/ HTTP/1.1",
                                 "GET HTTP/1.1",
                                 "GET / HTTP",
                                 "GET / HTTP/",
                                 "GET / HTTP/1",
                                 "GET / HTTP/1.",
                                 "GET / HTTP/.1",
                                 "GET / HTTP/11",
                                 "GET / HTTP/1.10",
                                 "GET / HTTP/01.1",
                                 "GET / HTTP/1,1",
                                 "GET / http/1.1",
                                 "GET / Http/1.1",
                                 "GET / HTTPS/1.1",
                                 "GET / HTP/1.1",
                                 "GET / HTTP /1.1",
                                 "GET / HTTP/ 1.1",
                                 "GET / HTTP/1. 1",
                                 "GET / HTTP/-1.1",
                                 "GET / HTTP/1.x",
                                 "GET / HTTP/x.1",
                                 "GET / HTTP/1.1HTTP/1.1",
                                 "GET / FTP/1.1",
                                 "GE\x80 / HTTP/1.1",
                                 "AVERYVERYVERYVERYVERYLONGMETHODNAME / HTTP/1.1",
                                 "{\"a\":1}",
                                 "<GET> / HTTP/1.1",
                                 "GET / HTTP/1.1;x"})
            expectLine(400, line);
        expect(400, "GET /\r\n");
        expect(400, std::string("\x16\x03\x01\x02\x00\x01\x00", 7)); // a TLS ClientHello
        expect(400, std::string("\x00", 1));
        expect(400, "\xff\xfe");
        expect(400, "SSH-2.0-OpenSSH_9.2\r\n");
        expect(400, "*1\r\n$4\r\nPING\r\n");
    }
    void versionsOtherThanOneAreRefused() {
        expectLine(505, "GET / HTTP/2.0");
        expectLine(505, "GET / HTTP/3.0");
        expectLine(505, "GET / HTTP/9.9");
        expect(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        expectLine(400, "GET / HTTP/0.9");
        expectLine(400, "GET / HTTP/0.0");
        // RFC 9110 section 2.5: a higher minor version is processed as the highest that we know.
        expectLine(0, "GET / HTTP/1.2");
        expectLine(0, "GET / HTTP/1.9");
        expect(400, "GET / HTTP/1.2\r\n\r\n");
    }
    void targetsAreStrict() {
        for (const char* target : {"a",
                                   "a/b",
                                   "?q",
                                   "#",
                                   "/#",
                                   "/a#b",
                                   "/%",
                                   "/%4",
                                   "/%4g",
                                   "/%g4",
                                   "/a%",
                                   "/?%zz",
                                   "/\"",
                                   "/<",
                                   "/>",
                                   "/\\",
                                   "/^",
                                   "/`",
                                   "/{",
                                   "/|",
                                   "/}",
                                   "/[",
                                   "/]",
                                   "/\x80",
                                   "/\xc3\xa9",
                                   "*/",
                                   "**",
                                   "*",
                                   "http:",
                                   "http:/a",
                                   "http://",
                                   "http:///a",
                                   "http://a b/",
                                   "http://u@h/",
                                   "http://u:p@h/",
                                   "http://h:x/",
                                   "http://h:70000/",
                                   "http://h/#f",
                                   "ftp://h/",
                                   "file:///etc/passwd",
                                   "://h/",
                                   "//",
                                   "javascript:1",
                                   "h:80",
                                   "http://[::1/",
                                   "http://[zz]/",
                                   "http://h:80:80/"}) {
            if (std::string(target) == "//") continue; // an empty first segment is a valid path
            expectLine(400, std::string("GET ") + target + " HTTP/1.1");
        }
        expectLine(400, "OPTIONS ** HTTP/1.1");
        expectLine(400, "options * HTTP/1.1");
        expectLine(400, "CONNECT a:80 HTTP/1.1");
        expectLine(400, "CONNECT a HTTP/1.1");
    }
    void absoluteTargetsAreAccepted() {
        for (const char* target : {"http://a/", "http://a", "http://a:80/x", "HTTP://a/", "https://a/",
                                   "http://[::1]:8/x", "http://a?q", "http://other.example/"})
            expectLine(0, std::string("GET ") + target + " HTTP/1.1");
        expect(400, "GET http://a/ HTTP/1.1\r\n\r\n"); // Host is needed all the same
        CPPUNIT_ASSERT_EQUAL(std::string("/x"),
                             std::string(std::get<Target>(readTarget("GET", "http://h:1/x?y")).path));
        CPPUNIT_ASSERT_EQUAL(std::string("y"),
                             std::string(std::get<Target>(readTarget("GET", "http://h:1/x?y")).query));
        CPPUNIT_ASSERT_EQUAL(std::string("/"),
                             std::string(std::get<Target>(readTarget("GET", "http://h?y")).path));
        CPPUNIT_ASSERT_EQUAL(std::string("*"),
                             std::string(std::get<Target>(readTarget("OPTIONS", "http://h")).path));
    }
    void hostIsThereOnceAndValid() {
        expect(400, "GET / HTTP/1.1\r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nX-Host: a\r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nHost:  \r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n");
        expect(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
        expect(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
        expect(400, "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n");
        expect(0, "GET / HTTP/1.1\r\nhOsT:a\r\n\r\n");
        expect(0, "GET / HTTP/1.1\r\nHost: \t a:1 \t \r\n\r\n");
    }
    void hostSyntax() {
        for (const char* good :
             {"a", "a.b", "A-b_c.example.", "127.0.0.1", "127.0.0.1:8321", "[::1]", "[::1]:80", "a:", "a:0",
              "a:65535", "%41", "[::ffff:1.2.3.4]", "xn--bcher-kva.example"})
            CPPUNIT_ASSERT_MESSAGE(good, isHost(good));
        for (const char* bad :
             {"",      ":",       ":80",  "a:b",  "a:-1",   "a:+1",      "a:65536", "a:99999999999",
              "a: 80", "a:80:80", "a,b",  "a, b", "a/b",    "a?b",       "a#b",     "u@a",
              "[",     "[]",      "[::1", "::1",  "[::1]a", "[::1]:x",   "[v1.a]",  "[fe80::1%25eth0]",
              "a b",   "a\tb",    "\x80", "a\"",  "<a>",    "a\\b",      "{a}",     "%",
              "%4",    "%zz",     "a|b",  "a^b",  "a`b",    "[1.2.3.4]", "http://a"})
            CPPUNIT_ASSERT_MESSAGE(bad, !isHost(bad));
        CPPUNIT_ASSERT(!isHost(std::string("[::1\0]", 6)));
        CPPUNIT_ASSERT(!isHost(std::string("a\0b", 3)));
        CPPUNIT_ASSERT(!isHost(std::string(256, 'a')));
    }
    void lineEndsAreStrict() {
        for (const char* head :
             {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\nHost: a\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
              "GET / HTTP/1.1\rHost: a\r\r", "GET / HTTP/1.1\r\rHost: a\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\nGET /x HTTP/1.1\r\n\r\n",
              "GET / HTTP/1.1\r\nHost: a\r\n\rX", "\n", "\r\r\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
              "GET /\rHTTP/1.1\r\nHost: a\r\n\r\n", "\rGET / HTTP/1.1\r\n\r\n"})
            expect(400, head);
    }
    void fieldsAreStrict() {
        for (const char* field : {" X: folded\r\n",
                                  "\tX: folded\r\n",
                                  "X: a\r\n b\r\n",
                                  "X: a\r\n\tb\r\n",
                                  "X: a\r\n \r\n",
                                  "X : a\r\n",
                                  "X\t: a\r\n",
                                  ": a\r\n",
                                  ":\r\n",
                                  "X\r\n",
                                  "X a\r\n",
                                  "X\"Y: a\r\n",
                                  "X(Y): a\r\n",
                                  "X,Y: a\r\n",
                                  "X;Y: a\r\n",
                                  "X/Y: a\r\n",
                                  "X=Y: a\r\n",
                                  "X@Y: a\r\n",
                                  "X[Y]: a\r\n",
                                  "X\\Y: a\r\n",
                                  "X{Y}: a\r\n",
                                  "X<Y>: a\r\n",
                                  "X?Y: a\r\n",
                                  "X\x80: a\r\n",
                                  "X Y: a\r\n",
                                  "Content-Length : 0\r\n",
                                  "Transfer-Encoding : chunked\r\n",
                                  "Transfer-Encoding\t: chunked\r\n",
                                  "Content Length: 5\r\n",
                                  "GET / HTTP/1.1\r\n",
                                  "Host : b\r\n"})
            expectFields(400, field);
        for (const char* field :
             {"X:\r\n", "X: \r\n", "X:a\r\n", "X:\ta\t\r\n", "X: a b\tc\r\n", "X: :\r\n", "X: \x80\xff\r\n",
              "!#$%&'*+-.^_`|~: a\r\n", "X: \"unclosed\r\n", "X: =?utf-8?Q?a=0D=0A?=\r\n", "1: 2\r\n",
              "Content_Length: 5\r\n", "Content-Lengt: 5\r\n"})
            expectFields(0, field);
    }
    void controlCharactersAreRefusedEverywhere() {
        for (int c = 0; c < 0x20; ++c) {
            if (c == '\t') continue;
            const std::string ch(1, static_cast<char>(c));
            expectFields(400, "X: a" + ch + "b\r\n");
            expectFields(400, "X" + ch + "Y: a\r\n");
            expectFields(400, "X: a" + ch + "\r\n");
            expectLine(400, "GET /" + ch + " HTTP/1.1");
            expectLine(400, "G" + ch + "T / HTTP/1.1");
            expectLine(400, "GET / HTTP/1.1" + ch);
        }
        expectFields(400, "X: \x7f\r\n");
        expectLine(400, "GET /\x7f HTTP/1.1");
    }
    void contentLengthIsOnePlainNumber() {
        for (const char* bad : {"",
                                " ",
                                "-1",
                                "+1",
                                "1 2",
                                "1,1",
                                "1, 1",
                                ",1",
                                "1,",
                                "0x10",
                                "1e3",
                                "1.0",
                                "a",
                                "1a",
                                "a1",
                                "\"1\"",
                                "1;",
                                "--1",
                                "99999999999999999999",
                                "9223372036854775808",
                                "18446744073709551616",
                                "18446744073709551621",
                                "1_000",
                                "\xb2",
                                "00000000000000000001",
                                "+0",
                                "-0",
                                "0-0",
                                "1\t2",
                                "\xef\xbc\x91",
                                "one",
                                "0b1",
                                "(1)"})
            expectFields(400, std::string("Content-Length: ") + bad + "\r\n");
        for (const char* good : {"0", "1", "65536", "007", "9223372036854775807"})
            expectFields(0, std::string("Content-Length: ") + good + "\r\n");
        expectFields(400, "Content-Length: 5\r\nContent-Length: 5\r\n");
        expectFields(400, "Content-Length: 5\r\nContent-Length: 6\r\n");
        expectFields(400, "Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n");
        expectFields(400, "Content-Length: 5\r\nContent-Length:\r\n");
        CPPUNIT_ASSERT_EQUAL(
            std::uint64_t(7),
            planOf("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n").contentLength);
    }
    void transferEncodingIsChunkedAlone() {
        for (const char* bad : {"",
                                "identity",
                                "gzip",
                                "gzip, chunked",
                                "chunked, gzip",
                                "chunked, chunked",
                                "chunked,chunked",
                                "chunked,",
                                ",chunked",
                                ", chunked",
                                "xchunked",
                                "chunkedx",
                                "x-chunked",
                                "chunke",
                                "chunk ed",
                                "\"chunked\"",
                                "'chunked'",
                                "chunked;q=1",
                                "chunked; a=b",
                                "chunked identity",
                                "deflate",
                                "chunked, identity",
                                "identity, chunked",
                                "cow",
                                "\x0b"
                                "chunked",
                                "chunked\x0b",
                                "\xa0"
                                "chunked",
                                "chunked\xa0",
                                "chun\xc4\xb1ked",
                                "[chunked]",
                                "compress",
                                "trailers",
                                "chunked\t,",
                                "0"})
            expectFields(400, std::string("Transfer-Encoding: ") + bad + "\r\n");
        expectFields(0, "Transfer-Encoding:chunked\r\n");
        expectFields(0, "Transfer-Encoding: \t CHUNKED \t\r\n");
        expectFields(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n");
        expectFields(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n");
        expectFields(400, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n");
        expectFields(400, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n");
        expectFields(400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
        expectFields(400, "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n");
        expectFields(400, "Transfer-Encoding: chunked\r\n folded\r\n");
        expectFields(400, "Transfer-Encoding:\r\n chunked\r\n");
        expect(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        expect(400,
               "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
        CPPUNIT_ASSERT(planOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").chunked);
    }
    void fieldsThatDecideMayNotRepeat() {
        for (const char* name : {"Authorization", "X-Api-Key", "Content-Type", "Idempotency-Key", "Origin",
                                 "Content-Encoding"}) {
            const std::string field = std::string(name) + ": identity\r\n";
            expectFields(0, field);
            expectFields(400, field + field);
            expectFields(400, field + "X: y\r\n" + field);
        }
        expectFields(400, "authorization: Bearer a\r\nAUTHORIZATION: Bearer b\r\n");
        expectFields(400, "Expect: 100-continue\r\nExpect: 100-continue\r\n");
        expectFields(0, "Accept: a\r\nAccept: b\r\nCookie: a=b\r\nCookie: c=d\r\n");
    }
    void oneEmptyLineInFrontIsTolerated() {
        expect(0, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(400, "\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        HeadScan scan;
        CPPUNIT_ASSERT(scan.scan("\r\n") == HeadScan::State::Incomplete);
        CPPUNIT_ASSERT(!scan.began());
        CPPUNIT_ASSERT(scan.scan("\r\nG") == HeadScan::State::Incomplete);
        CPPUNIT_ASSERT(scan.began());
    }
    void connectionOptionsAreReadFromAllLines() {
        const auto keeps = [](const std::string& version, const std::string& fields) {
            return planOf("GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n").keepAlive;
        };
        CPPUNIT_ASSERT(keeps("1.1", ""));
        CPPUNIT_ASSERT(keeps("1.1", "Connection: keep-alive\r\n"));
        CPPUNIT_ASSERT(keeps("1.1", "Connection: Upgrade\r\n"));
        CPPUNIT_ASSERT(keeps("1.1", "Connection: closed\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: close\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: CLOSE\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: foo , close\t, bar\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: foo\r\nConnection: close\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
        CPPUNIT_ASSERT(!keeps("1.1", "Connection: keep-alive, close\r\n"));
        CPPUNIT_ASSERT(!keeps("1.0", ""));
        CPPUNIT_ASSERT(keeps("1.0", "Connection: Keep-Alive\r\n"));
        CPPUNIT_ASSERT(!keeps("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
        expectFields(400, "Connection: a b\r\n");
    }
    void expectationsAndCodings() {
        expectFields(0, "Expect: 100-continue\r\nContent-Length: 5\r\n");
        expectFields(0, "Expect: 100-Continue\r\n");
        for (const char* bad : {"", "100", "200-ok", "100-continue, x", "100-continue;a", "nonsense"})
            expectFields(417, std::string("Expect: ") + bad + "\r\n");
        expect(0, "POST / HTTP/1.0\r\nExpect: nonsense\r\n\r\n"); // RFC 9110 section 10.1.1
        CPPUNIT_ASSERT(!planOf("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectsContinue);
        CPPUNIT_ASSERT(planOf("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-CONTINUE\r\n\r\n").expectsContinue);
        for (const char* coding : {"gzip", "br", "deflate", "identity, gzip", "", "x"})
            expectFields(415, std::string("Content-Encoding: ") + coding + "\r\n");
        expectFields(0, "Content-Encoding: Identity\r\n");
        // What is ambiguous is said first.
        expectFields(400, "Content-Encoding: gzip\r\nContent-Length: 1\r\nContent-Length: 1\r\n");
    }
    void requestIdsAreTakenOnlyWhenHarmless() {
        RequestHead head;
        const auto idOf = [&head](const std::string& value) {
            return std::string(
                planOf("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + value + "\r\n\r\n", head).requestId);
        };
        CPPUNIT_ASSERT_EQUAL(std::string("Ab-1._z"), idOf("Ab-1._z"));
        CPPUNIT_ASSERT_EQUAL(std::string(64, 'a'), idOf(std::string(64, 'a')));
        for (const std::string& bad :
             {std::string(65, 'a'), std::string(""), std::string("a b"), std::string("a\"b"),
              std::string("<a>"), std::string("a;b"), std::string("\xc3\xa9")})
            CPPUNIT_ASSERT_EQUAL(std::string(), idOf(bad));
        CPPUNIT_ASSERT_EQUAL(std::string(), idOf("a\r\nX-Request-Id: b")); // two: neither
    }
    void limitsHoldWhileBytesArrive() {
        HeadLimits limits;
        limits.maxTarget = 20;
        limits.maxFields = 3;
        limits.maxHead = 200;
        const auto head = [](const std::string& target, const std::string& fields) {
            return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
        };
        CPPUNIT_ASSERT_EQUAL(0, judge(head("/" + std::string(19, 'a'), ""), limits));
        CPPUNIT_ASSERT_EQUAL(414, judge(head("/" + std::string(20, 'a'), ""), limits));
        CPPUNIT_ASSERT_EQUAL(414, judge("GET /" + std::string(100, 'a'), limits)); // no line end needed
        CPPUNIT_ASSERT_EQUAL(0, judge(head("/", "A: 1\r\nB: 2\r\n"), limits));
        CPPUNIT_ASSERT_EQUAL(431, judge(head("/", "A: 1\r\nB: 2\r\nC: 3\r\n"), limits));
        const std::string frame = head("/", "A: \r\n");
        CPPUNIT_ASSERT_EQUAL(0,
                             judge(head("/", "A: " + std::string(200 - frame.size(), 'x') + "\r\n"), limits));
        CPPUNIT_ASSERT_EQUAL(431,
                             judge(head("/", "A: " + std::string(201 - frame.size(), 'x') + "\r\n"), limits));
        CPPUNIT_ASSERT_EQUAL(431, judge("GET / HTTP/1.1\r\nA: " + std::string(300, 'x'), limits));
        CPPUNIT_ASSERT_EQUAL(400, judge(std::string(1000, 'A'), limits)); // no method is as long
        CPPUNIT_ASSERT_EQUAL(414,
                             judge("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"));
        std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (int i = 0; i < 50'000; ++i) many += "A: b\r\n";
        CPPUNIT_ASSERT_EQUAL(431, judge(many + "\r\n"));
    }
    void pathAndQueryAreSplit() {
        const auto split = [](const char* target) {
            const auto parts = std::get<Target>(readTarget("GET", target));
            return std::string(parts.path) + " " + std::string(parts.query);
        };
        CPPUNIT_ASSERT_EQUAL(std::string("/a "), split("/a"));
        CPPUNIT_ASSERT_EQUAL(std::string("/a b=c"), split("/a?b=c"));
        CPPUNIT_ASSERT_EQUAL(std::string("/a b?c"), split("/a?b?c"));
        CPPUNIT_ASSERT_EQUAL(std::string("/a "), split("/a?"));
        CPPUNIT_ASSERT_EQUAL(std::string("/%2e%2E/ "), split("/%2e%2E/"));
    }
    void everyPrefixOfAGoodHeadIsIncomplete() {
        const std::string head = "\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
        for (std::size_t length = 0; length < head.size(); ++length)
            CPPUNIT_ASSERT_EQUAL(-1, judge(head.substr(0, length)));
        HeadScan scan;
        CPPUNIT_ASSERT(scan.scan(head + "body") == HeadScan::State::Complete);
        CPPUNIT_ASSERT_EQUAL(head.size(), scan.end());
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), scan.begin());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RequestRulesTest);
