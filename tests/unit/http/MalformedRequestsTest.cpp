#include "MalformedRequests.h"
#include "FakeHandler.h"
#include "RawClient.h"

#include "http/Listener.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

/// What must be refused is refused by the living listener, whatever the pieces it comes in, and nothing
/// behind it runs.
class MalformedRequestsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MalformedRequestsTest);
    CPPUNIT_TEST(thereAreEnough);
    CPPUNIT_TEST(wholeRequestsAreRefusedAndClosed);
    CPPUNIT_TEST(requestsInPiecesAreRefusedAndClosed);
    CPPUNIT_TEST(behindAGoodRequestOnlyThatRuns);
    CPPUNIT_TEST(clientsThatEndTheirSideAreRefusedToo);
    CPPUNIT_TEST_SUITE_END();

    FakeHandler _handler;
    std::unique_ptr<Listener> _listener;
    const std::string _next = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

    static std::string shown(const std::string& bytes) { return oneLine(bytes, 200); }

    /// One answer with `status`, then the end.
    void refused(RawClient& c, const MalformedRequest& request) {
        const auto answer = c.read(request.bytes.starts_with("HEAD "));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), request.status, answer.status);
        CPPUNIT_ASSERT_MESSAGE(shown(request.bytes), !answer.field("X-Request-Id").empty());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), std::string("application/json"),
                                     answer.field("Content-Type"));
        CPPUNIT_ASSERT_MESSAGE(shown(request.bytes), c.isClosed());
    }

public:
    void setUp() override {
        ListenerSettings settings;
        settings.port = 0;
        settings.maxConnections = 5'000; // those that linger count
        _listener = std::make_unique<Listener>(settings, _handler);
        _listener->start();
    }
    void tearDown() override { _listener.reset(); }

    void thereAreEnough() { CPPUNIT_ASSERT(malformedRequests().size() >= 400); }
    void wholeRequestsAreRefusedAndClosed() {
        for (const auto& request : malformedRequests()) {
            RawClient c(_listener->port());
            c.send(request.bytes + _next);
            refused(c, request);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), std::size_t(0), _handler.count());
        }
    }
    void requestsInPiecesAreRefusedAndClosed() {
        std::size_t number = 0;
        for (const auto& request : malformedRequests()) {
            if (request.bytes.size() > 300) continue;
            RawClient c(_listener->port());
            // Byte by byte for a third; the others are cut in two at a place that moves on.
            const std::string bytes = request.bytes + _next;
            const std::size_t step = ++number % 3 == 0 ? 1 : 1 + number % bytes.size();
            for (std::size_t at = 0; at < bytes.size(); at += step)
                if (!c.send(bytes.substr(at, step))) break; // refused before it was whole
            refused(c, request);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), std::size_t(0), _handler.count());
        }
    }
    void behindAGoodRequestOnlyThatRuns() {
        for (const auto& request : malformedRequests()) {
            RawClient c(_listener->port());
            c.send("POST /good HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok" + request.bytes + _next);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), 200, c.read().status);
            refused(c, request);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), std::size_t(1), _handler.count());
            _handler.forget();
        }
    }
    void clientsThatEndTheirSideAreRefusedToo() {
        for (const auto& request : malformedRequests()) {
            RawClient c(_listener->port());
            c.send(request.bytes);
            c.endSending();
            refused(c, request);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(shown(request.bytes), std::size_t(0), _handler.count());
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(MalformedRequestsTest);
