#include "MalformedRequests.h"

namespace usher::test {
namespace {

using namespace std::string_literals;

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

class Corpus {
public:
    void add(const std::string& bytes, int status = 400) { _all.push_back({bytes, status}); }
    void line(const std::string& line, int status = 400) { add(line + "\r\nHost: h\r\n\r\n", status); }
    void target(const std::string& target) { line("GET " + target + " HTTP/1.1"); }
    /// In a request with a body that would smuggle if the field were dropped or misread.
    void field(const std::string& field, int status = 400) {
        add("POST / HTTP/1.1\r\nHost: h\r\n" + field + "\r\n\r\n", status);
    }
    void length(const std::string& value) {
        add("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + value + "\r\n\r\n" + smuggled);
    }
    void coding(const std::string& value) {
        add("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: " + value + "\r\n\r\n0\r\n\r\n" + smuggled);
    }
    void chunks(const std::string& body, int status = 400) {
        add("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body, status);
    }
    std::vector<MalformedRequest> take() { return std::move(_all); }

private:
    std::vector<MalformedRequest> _all;
};

void addLines(Corpus& corpus) {
    for (const char* line : {"GET / HTTP/1.1 ",
                             "GET  / HTTP/1.1",
                             "GET /  HTTP/1.1",
                             "GET\t/\tHTTP/1.1",
                             "GET / HTTP/1.1\t",
                             " GET / HTTP/1.1",
                             "\tGET / HTTP/1.1",
                             "GET /",
                             "GET",
                             "/",
                             "GET / HTTP/1.",
                             "GET / HTTP/1",
                             "GET / HTTP/",
                             "GET / HTTP",
                             "GET / H",
                             "GET / http/1.1",
                             "GET / HTTP/1.10",
                             "GET / HTTP/01.1",
                             "GET / HTTP/1.01",
                             "GET / HTTP/+1.1",
                             "GET / HTTP/1.1.1",
                             "GET / HTTP/11",
                             "GET / HTTP/a.b",
                             "GET / HTTP/0.9",
                             "GET / HTTP/1.1 HTTP/1.1",
                             "GET /a b HTTP/1.1",
                             "G ET / HTTP/1.1",
                             "G@T / HTTP/1.1",
                             "G:T / HTTP/1.1",
                             "G/T / HTTP/1.1",
                             "G=T / HTTP/1.1",
                             "(GET) / HTTP/1.1",
                             "GET, / HTTP/1.1",
                             "\"GET\" / HTTP/1.1",
                             "GET HTTP/1.1",
                             "HTTP/1.1 200 OK",
                             "GET / ICAP/1.0",
                             "GET / RTSP/1.0",
                             "hello",
                             "QUIT",
                             "EHLO a",
                             "USER a",
                             "{\"a\": 1}",
                             "<?xml version=\"1.0\"?>",
                             "CONNECT a:443 HTTP/1.1",
                             "CONNECT / HTTP/1.1 x"})
        corpus.line(line);
    for (const char* version : {"2.0", "3.0", "9.9", "2.1"}) corpus.line("GET / HTTP/"s + version, 505);
    for (const char* target : {"*",           "**",
                               "a",           "a/b",
                               "?",           "#",
                               "/#",          "/a#b",
                               "/%",          "/%1",
                               "/%zz",        "/a%2",
                               "/\"",         "/<a>",
                               "/\\",         "/^",
                               "/`",          "/{a}",
                               "/|",          "/[a]",
                               "/\x80",       "/\xc3\xa9",
                               "/\xff",       "http:",
                               "http:/",      "http://",
                               "http:///a",   "http://u@h/",
                               "http://h:p/", "http://h:99999/",
                               "http://h/#",  "ftp://h/",
                               "h:80",        "//#",
                               "http://[::1", "http://h\\a/",
                               "ws://h/",     "file:///etc/passwd",
                               "/a\x7f"})
        corpus.target(target);
    corpus.add("GET /\r\n");
    corpus.add("GET / HTTP/1.1\r\n\r\n");
    corpus.add("GET http://h/ HTTP/1.1\r\n\r\n");
    corpus.add("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    corpus.add("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    corpus.add("\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    corpus.add("\0GET / HTTP/1.1\r\nHost: h\r\n\r\n"s);
    corpus.add("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"s);
    corpus.add("\x80\x2e\x01\x03\x01\x00\x15"s);
    corpus.add("\xef\xbb\xbfGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    corpus.add("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    corpus.add("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414);
    corpus.add("GET /?" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414);
    corpus.add(std::string(100, 'A') + " / HTTP/1.1\r\nHost: h\r\n\r\n");
}

void addLineEnds(Corpus& corpus) {
    // Every line end of a good request replaced by every wrong one.
    const std::vector<std::string> parts = {"POST / HTTP/1.1", "Host: h", "Content-Length: 0", "X: y", ""};
    for (const std::string& wrong :
         {"\n"s, "\r"s, "\r\r\n"s, "\n\r"s, "\r\n\n"s, "\0\r\n"s, "\x0b\r\n"s, "\x0c\r\n"s, " \n"s})
        for (std::size_t at = 0; at < parts.size(); ++at) {
            if (wrong == "\r\n\n" && at + 1 == parts.size())
                continue; // a good request with something behind it
            std::string bytes;
            for (std::size_t i = 0; i < parts.size(); ++i) bytes += parts[i] + (i == at ? wrong : "\r\n"s);
            corpus.add(bytes);
        }
}

void addFields(Corpus& corpus) {
    for (const char* field : {" X: y",
                              "\tX: y",
                              "X: y\r\n z",
                              "X: y\r\n\tz",
                              "X: y\r\n ",
                              "X:\r\n y",
                              "X : y",
                              "X\t: y",
                              "X",
                              ": y",
                              ":",
                              "X y: z",
                              "X\"Y: z",
                              "X(Y: z",
                              "X)Y: z",
                              "X,Y: z",
                              "X/Y: z",
                              "X;Y: z",
                              "X<Y: z",
                              "X=Y: z",
                              "X>Y: z",
                              "X?Y: z",
                              "X@Y: z",
                              "X[Y: z",
                              "X\\Y: z",
                              "X]Y: z",
                              "X{Y: z",
                              "X}Y: z",
                              "X\x80Y: z",
                              "X: \x01",
                              "X: \x7f",
                              "X: a\x0b"
                              "b",
                              "X: a\x0c"
                              "b",
                              "X: a\x1b"
                              "[2Jb",
                              "X: \x08",
                              "Host: h",
                              "Host: other",
                              "host: h",
                              "HOST:",
                              "Content-Length : 5",
                              "Content-Length\t: 5",
                              " Content-Length: 5",
                              "Transfer-Encoding : chunked",
                              "Transfer-Encoding\x0b: chunked",
                              "Transfer-Encoding\r: chunked",
                              "Transfer Encoding: chunked",
                              "Authorization: Bearer a\r\nAuthorization: Bearer b",
                              "Authorization: Bearer a\r\nAuthorization: Bearer a",
                              "X-Api-Key: a\r\nX-Api-Key: b",
                              "X-Api-Key: a\r\nx-api-key: a",
                              "Content-Type: a/b\r\nContent-Type: c/d",
                              "Idempotency-Key: a\r\nIdempotency-Key: b",
                              "Connection: a b",
                              "Connection: close;x",
                              "GET /x HTTP/1.1",
                              "X: a\rY: b",
                              "X: a\nTransfer-Encoding: chunked",
                              "X: a\n\nGET /x HTTP/1.1"})
        corpus.field(field);
    for (int c = 0; c < 0x20; ++c)
        if (c != '\t') corpus.field("X: a" + std::string(1, static_cast<char>(c)) + "b");
    for (const char* host : {"",        " ",     "a b",  "a/b", "a?b",      "a#b",  "u@a",    "a:b",  "a:-1",
                             "a:65536", "a:1:2", "[",    "[]",  "[::1",     "::1",  "a,b",    "a, b", "\"a\"",
                             "<a>",     "a\\b",  "\x80", "%zz", "http://a", "[zz]", "[::1]x", "a\tb"})
        corpus.add("GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n");
    corpus.add("GET / HTTP/1.1\r\nX-Host: h\r\n\r\n");
    corpus.add("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n");
    corpus.field("Content-Encoding: gzip", 415);
    corpus.field("Expect: 200-maybe", 417);
    corpus.field("X: " + std::string(40'000, 'a'), 431);
    std::string many;
    for (int i = 0; i < 101; ++i) many += "X: y\r\n";
    corpus.field(many + "X: y", 431);
}

void addFraming(Corpus& corpus) {
    for (const char* value : {"",
                              "-1",
                              "+5",
                              "+0",
                              "-0",
                              "5 5",
                              "5,5",
                              "5, 5",
                              "5, 6",
                              ",5",
                              "5,",
                              "0x5",
                              "5a",
                              "a5",
                              "5.0",
                              "5e1",
                              "\"5\"",
                              "5;",
                              "99999999999999999999",
                              "18446744073709551616",
                              "18446744073709551620",
                              "9223372036854775808",
                              "1_0",
                              "\xb2",
                              "5\t5",
                              "NaN",
                              "five",
                              "--5",
                              "(5)",
                              "5\x0b",
                              "5\x0c",
                              "00000000000000000005"})
        corpus.length(value);
    for (const char* value : {"",
                              "identity",
                              "gzip",
                              "chunked, gzip",
                              "gzip, chunked",
                              "chunked, chunked",
                              "chunked,",
                              ",chunked",
                              "xchunked",
                              "chunkedx",
                              "chunk",
                              "chunked;x",
                              "chunked; q=1",
                              "\"chunked\"",
                              "'chunked'",
                              "chunked identity",
                              "identity, chunked",
                              "chunked, identity",
                              "cow",
                              "\x0b"
                              "chunked",
                              "chunked\x0b",
                              "\x0c"
                              "chunked",
                              "\xa0"
                              "chunked",
                              "chunked\xa0",
                              "chun\tked",
                              "CHUNKED, CHUNKED",
                              "deflate, chunked",
                              "chunked\x7f",
                              "x",
                              "[chunked]",
                              "{chunked}",
                              "chunked=1",
                              "%63hunked"})
        corpus.coding(value);
    for (const char* fields : {"Content-Length: 4\r\nTransfer-Encoding: chunked",
                               "Transfer-Encoding: chunked\r\nContent-Length: 4",
                               "Content-Length: 0\r\nTransfer-Encoding: chunked",
                               "Content-Length: 4\r\nTransfer-Encoding: identity",
                               "Content-Length: 4\r\nTransfer-Encoding: xchunked",
                               "Content-Length: 4\r\nTransfer-Encoding:\r\n chunked",
                               "Content-Length: 4\r\nX: y\r\n Transfer-Encoding: chunked",
                               "Content-Length: 4\r\nTransfer-Encoding : chunked",
                               "Content-Length: 4\r\n Transfer-Encoding: chunked",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
                               "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
                               "Transfer-Encoding: chunked\r\ntransfer-encoding: identity",
                               "Content-Length: 4\r\nContent-Length: 4",
                               "Content-Length: 4\r\nContent-Length: 0",
                               "Content-Length: 0\r\nContent-Length: 4",
                               "Content-Length: 4\r\ncontent-length: 4",
                               "Content-Length: 4\r\nContent-Length:",
                               "Content-Length:\r\n 4",
                               "Content-Length: 4\r\n 0",
                               "Content-Length: 4\r\nContent-Length : 5",
                               "Content-Length: 4\r\n\tContent-Length: 5"})
        corpus.add("POST / HTTP/1.1\r\nHost: h\r\n"s + fields + "\r\n\r\n0\r\n\r\n" + smuggled);
    corpus.add("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled);
    corpus.add("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
               smuggled);
    corpus.add("POST / HTTP/1.0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
               smuggled);
    corpus.add("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + smuggled, 413);
}

void addChunks(Corpus& corpus) {
    for (const char* size : {"",
                             " ",
                             "-1",
                             "+1",
                             "0x1",
                             " 1",
                             "1 ",
                             "\t1",
                             "1\t",
                             "g",
                             "1g",
                             "1,1",
                             "\"1\"",
                             "00000000000000001",
                             "10000000000000001",
                             "fffffffffffffffff",
                             "1\xa0",
                             "1.0",
                             "1 1",
                             "01x",
                             "X1",
                             "--1",
                             "1-"})
        corpus.chunks(size + "\r\na\r\n0\r\n\r\n"s);
    corpus.chunks("ffffffffffffffff\r\na\r\n0\r\n\r\n", 413);
    corpus.chunks("100001\r\na", 413);
    for (const char* extension :
         {";", ";;", ";=", ";a=", ";a ", ";a=\"", ";a=\"b", ";a=\"b\\", ";a b", ";a=b c", ";a=(b)", " ;a",
          ";a=\x80", ";a=\"\x01\"", ";a=\"b\"c", ";\r", ";a\r", ";a=\"\n\""})
        corpus.chunks("1"s + extension + "\r\na\r\n0\r\n\r\n");
    for (const char* body :
         {"1\na\r\n0\r\n\r\n", "1\ra\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n", "1\r\na\r0\r\n\r\n",
          "1\r\na\r\n0\n\r\n", "1\r\na\r\n0\r\n\n", "1\r\nab\r\n0\r\n\r\n", "2\r\na\r\n0\r\n\r\n",
          "1\r\na0\r\n\r\n", "\r\n1\r\na\r\n0\r\n\r\n", "1\r\na\r\n\r\n0\r\n\r\n",
          "1;a=\"\r\na\r\n0\r\n\r\n\"\r\n", "1;\na\r\n0\r\n\r\n", "0;\n\r\n", "0\r\n\rX",
          "1\r\r\na\r\n0\r\n\r\n", "0\n\n"})
        corpus.chunks(body);
    for (const char* trailer :
         {"Content-Length: 5", "Transfer-Encoding: chunked", "Host: other", "Authorization: Bearer a",
          "X-Api-Key: a", "Content-Type: a/b", "Connection: close", "X", ": y", "X : y", " X: y",
          "X: y\r\n z", "X: \x01", "X\x80: y", "X: a\nY: b", "X: a\rY: b", "GET /x HTTP/1.1"})
        corpus.chunks("1\r\na\r\n0\r\n"s + trailer + "\r\n\r\n");
    corpus.chunks("1;" + std::string(20'000, 'a') + "\r\na\r\n0\r\n\r\n");
    corpus.chunks("0\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
    corpus.chunks("\0"s);
    corpus.chunks("1\0\r\na\r\n0\r\n\r\n"s);
}

} // namespace

std::vector<MalformedRequest> malformedRequests() {
    Corpus corpus;
    addLines(corpus);
    addLineEnds(corpus);
    addFields(corpus);
    addFraming(corpus);
    addChunks(corpus);
    return corpus.take();
}

} // namespace usher::test
