#include "ListenerFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/resource.h>

#include <thread>

using namespace usher;
using namespace usher::test;
using std::chrono::milliseconds;

/// Deadlines, sizes and numbers: what the listener does not put up with.
class ListenerLimitsTest : public ListenerFixture {
    CPPUNIT_TEST_SUITE(ListenerLimitsTest);
    CPPUNIT_TEST(slowHeadIsAnswered408);
    CPPUNIT_TEST(slowBodyIsAnswered408);
    CPPUNIT_TEST(slowChunkedBodyIsAnswered408);
    CPPUNIT_TEST(silentConnectionIsClosedSilently);
    CPPUNIT_TEST(idleConnectionIsClosedAfterItsLastAnswer);
    CPPUNIT_TEST(deadlineOfAHeadIsNotMovedByItsBytes);
    CPPUNIT_TEST(parkedRequestHasNoDeadline);
    CPPUNIT_TEST(readerThatTakesNothingIsDropped);
    CPPUNIT_TEST(oversizeIsRefusedWithItsStatus);
    CPPUNIT_TEST(refusalIsReadThoughTheBodyIsStillBeingSent);
    CPPUNIT_TEST(largeBodyIsRefusedBeforeItIsRead);
    CPPUNIT_TEST(encodedBodyIsRefused);
    CPPUNIT_TEST(tooManyConnectionsAreAnswered503);
    CPPUNIT_TEST(outOfDescriptorsTheListenerLives);
    CPPUNIT_TEST(oldestIncompleteRequestMakesRoom);
    CPPUNIT_TEST(answersThatNobodyTakesMakeRoom);
    CPPUNIT_TEST(floodBehindAnUnansweredRequestIsNotRead);
    CPPUNIT_TEST_SUITE_END();

    void refused(RawClient& c, int status, const std::string& code) {
        const auto answer = c.read();
        CPPUNIT_ASSERT_EQUAL(status, answer.status);
        CPPUNIT_ASSERT_MESSAGE(answer.body,
                               answer.body.find("\"code\":\"" + code + "\"") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string("close"), answer.field("Connection"));
        CPPUNIT_ASSERT(c.isClosed());
    }
    void stillServes() {
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
    }

public:
    void slowHeadIsAnswered408() {
        start([](auto& s) { s.headTimeout = milliseconds(50); });
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h");
        refused(c, 408, "REQUEST_TIMEOUT");
    }
    void slowBodyIsAnswered408() {
        start([](auto& s) { s.bodyTimeout = milliseconds(50); });
        auto c = client();
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell");
        refused(c, 408, "REQUEST_TIMEOUT");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _handler.count());
    }
    void slowChunkedBodyIsAnswered408() {
        start([](auto& s) { s.bodyTimeout = milliseconds(50); });
        auto c = client();
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n");
        refused(c, 408, "REQUEST_TIMEOUT");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _handler.count());
    }
    void silentConnectionIsClosedSilently() {
        start([](auto& s) { s.idleTimeout = milliseconds(50); });
        auto c = client();
        CPPUNIT_ASSERT_EQUAL(std::string(), c.readAll());
        auto d = client();
        d.send("\r\n"); // no request has begun with that
        CPPUNIT_ASSERT_EQUAL(std::string(), d.readAll());
    }
    void idleConnectionIsClosedAfterItsLastAnswer() {
        start([](auto& s) { s.idleTimeout = milliseconds(50); });
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        CPPUNIT_ASSERT(c.isClosed());
    }
    void deadlineOfAHeadIsNotMovedByItsBytes() {
        start([](auto& s) { s.headTimeout = milliseconds(100); });
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\nX: ");
        // A byte whenever there is no answer yet; without a total deadline this would go on for ever.
        int sent = 0;
        while (!c.hasMore(milliseconds(10)) && sent < 2000) {
            c.send("x");
            ++sent;
        }
        CPPUNIT_ASSERT_EQUAL(408, c.read().status);
    }
    void parkedRequestHasNoDeadline() {
        start([](auto& s) {
            s.headTimeout = s.bodyTimeout = s.idleTimeout = s.writeStallTimeout = milliseconds(20);
        });
        auto c = client();
        c.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\n");
        auto exchange = _handler.parked();
        auto idle = client();
        CPPUNIT_ASSERT(idle.isClosed()); // deadlines have passed meanwhile
        exchange->reply(Reply::text(200, "late"));
        CPPUNIT_ASSERT_EQUAL(std::string("late"), c.read().body);
    }
    void readerThatTakesNothingIsDropped() {
        start([](auto& s) { s.writeStallTimeout = milliseconds(50); });
        auto c = client(4096);
        c.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        auto other = client();
        other.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, other.read().status);
        other.close();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(20)));
        CPPUNIT_ASSERT(!c.read().whole);
    }
    void oversizeIsRefusedWithItsStatus() {
        start();
        auto target = client();
        target.send("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n");
        refused(target, 414, "URI_TOO_LONG");
        auto fields = client();
        std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
        for (int i = 0; i < 50'000; ++i) many += "A: b\r\n";
        fields.send(many + "\r\n");
        refused(fields, 431, "HEADERS_TOO_LARGE");
        auto head = client();
        head.send("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(200'000, 'b') + "\r\n\r\n");
        refused(head, 431, "HEADERS_TOO_LARGE");
        auto chunks = client();
        chunks.send(
            "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n");
        refused(chunks, 413, "PAYLOAD_TOO_LARGE");
        auto endless = client();
        endless.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
        for (int i = 0; i < 1000 && endless.send(chunk); ++i)
            if (endless.hasMore(milliseconds(0))) break;
        CPPUNIT_ASSERT_EQUAL(413, endless.read().status);
        auto nothing = client();
        nothing.send("PUT /a HTTP/2.0\r\n");
        refused(nothing, 505, "HTTP_VERSION_NOT_SUPPORTED");
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _handler.count());
        stillServes();
    }
    void refusalIsReadThoughTheBodyIsStillBeingSent() {
        start();
        auto c = client();
        c.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n");
        c.send(std::string(500'000, 'x')); // a close without lingering would be a reset here
        refused(c, 413, "PAYLOAD_TOO_LARGE");
    }
    void largeBodyIsRefusedBeforeItIsRead() {
        start();
        auto c = client();
        c.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");
        refused(c, 413, "PAYLOAD_TOO_LARGE");
        auto exact = client();
        exact.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789");
        CPPUNIT_ASSERT_EQUAL(200, exact.read().status);
    }
    void encodedBodyIsRefused() {
        start();
        auto c = client();
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n");
        refused(c, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    void tooManyConnectionsAreAnswered503() {
        start([](auto& s) { s.maxConnections = 2; });
        {
            auto one = client(), two = client();
            one.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
            two.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
            CPPUNIT_ASSERT_EQUAL(200, one.read().status);
            CPPUNIT_ASSERT_EQUAL(200, two.read().status);
            auto three = client();
            three.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
            const auto answer = three.read();
            CPPUNIT_ASSERT_EQUAL(503, answer.status);
            CPPUNIT_ASSERT_EQUAL(std::string("1"), answer.field("Retry-After"));
            CPPUNIT_ASSERT(three.isClosed());
        }
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        stillServes();
    }
    void outOfDescriptorsTheListenerLives() {
        start();
        auto before = client();
        before.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, before.read().status);
        // A socket of the client's is made first; then there are no descriptors left for the server's end of
        // it.
        rlimit old{};
        ::getrlimit(RLIMIT_NOFILE, &old);
        std::vector<UniqueFd> hoard;
        UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        for (int fd = 0; (fd = ::dup(before.fd())) >= 0 && hoard.size() < 100;) hoard.emplace_back(fd);
        rlimit low = old;
        low.rlim_cur = static_cast<rlim_t>(hoard.back().get()) + 1;
        ::setrlimit(RLIMIT_NOFILE, &low);
        while (true) {
            const int fd = ::dup(before.fd());
            if (fd < 0) break;
            hoard.emplace_back(fd);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(_listener->port()));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CPPUNIT_ASSERT_EQUAL(0,
                             ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        // The spare descriptor takes it and says so: the client is not left waiting.
        char answer[4096];
        pollfd waiting{socket.get(), POLLIN, 0};
        CPPUNIT_ASSERT_EQUAL(1, ::poll(&waiting, 1, 10'000));
        const auto size = ::recv(socket.get(), answer, sizeof answer, 0);
        CPPUNIT_ASSERT(size > 0);
        const std::string_view said(answer, static_cast<std::size_t>(size));
        CPPUNIT_ASSERT(said.starts_with("HTTP/1.1 503 "));
        CPPUNIT_ASSERT(said.find("\r\nRetry-After: ") != said.npos);
        before.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, before.read().status);
        hoard.clear();
        ::setrlimit(RLIMIT_NOFILE, &old);
        stillServes();
    }
    void oldestIncompleteRequestMakesRoom() {
        start([](auto& s) { s.incompleteBudgetBytes = 1'000'000; });
        const auto begin = [](RawClient& c) {
            c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n" +
                   std::string(100'000, 'x'));
        };
        auto oldest = client();
        begin(oldest);
        std::vector<RawClient> others;
        for (int i = 0; i < 12 && !oldest.hasMore(milliseconds(0)); ++i) {
            const std::size_t before = _listener->incompleteBytes();
            others.push_back(client());
            begin(others.back());
            while (_listener->incompleteBytes() < before + 100'000 && !oldest.hasMore(milliseconds(1))) {
            }
        }
        CPPUNIT_ASSERT_EQUAL(408, oldest.read().status);
        others.back().send("x");
        CPPUNIT_ASSERT_EQUAL(200, others.back().read().status);
        others.clear();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _listener->incompleteBytes());
    }
    void answersThatNobodyTakesMakeRoom() {
        start([](auto& s) { s.unsentBudgetBytes = 12u << 20; });
        auto first = client(4096), second = client(4096);
        for (auto* c : {&first, &second}) c->send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        // Two answers of 8 MiB do not fit: the one that is stalled longer goes.
        while (_listener->connectionCount() > 1) std::this_thread::yield();
        const bool one = first.read().whole, two = second.read().whole;
        CPPUNIT_ASSERT(one != two);
    }
    void floodBehindAnUnansweredRequestIsNotRead() {
        start();
        auto c = client();
        c.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\n");
        auto exchange = _handler.parked();
        const timeval soon{0, 100'000};
        ::setsockopt(c.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
        std::size_t sent = 0;
        const std::string flood(1u << 20, 'x');
        while (sent < 64 && c.send(flood)) ++sent;
        CPPUNIT_ASSERT(sent < 64); // the kernel's buffers are full, not ours
        CPPUNIT_ASSERT(_listener->incompleteBytes() < 200'000);
        exchange->reply(Reply::text(200, "a"));
        CPPUNIT_ASSERT_EQUAL(std::string("a"), c.read().body);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ListenerLimitsTest);
