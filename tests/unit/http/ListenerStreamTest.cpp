#include "ListenerFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

/// Answers that are written piece by piece, and clients that go away.
class ListenerStreamTest : public ListenerFixture {
    CPPUNIT_TEST_SUITE(ListenerStreamTest);
    CPPUNIT_TEST(piecesArriveAsTheyAreWritten);
    CPPUNIT_TEST(connectionGoesOnAfterAStream);
    CPPUNIT_TEST(oldClientsReadToTheEndOfTheConnection);
    CPPUNIT_TEST(headGetsTheHeadOnly);
    CPPUNIT_TEST(streamThatIsNotEndedIsBroken);
    CPPUNIT_TEST(writerIsToldWhenItMayGoOn);
    CPPUNIT_TEST(writerIsToldWhenTheClientIsGone);
    CPPUNIT_TEST(writerThatAsksLateIsTold);
    CPPUNIT_TEST(writerThatDoesNotWaitIsCut);
    CPPUNIT_TEST(streamReaderThatTakesNothingIsDropped);
    CPPUNIT_TEST(abandonedRequestIsToldOnce);
    CPPUNIT_TEST(aClosedSocketIsToldFromAnEndedSide);
    CPPUNIT_TEST(abandonedRequestThatAsksLateIsTold);
    CPPUNIT_TEST(allWhoAskAreToldOfAnAbandonedRequest);
    CPPUNIT_TEST_SUITE_END();

    std::shared_ptr<Exchange> park(RawClient& c, const std::string& method = "GET",
                                   const std::string& version = "1.1") {
        c.send(method + " /park HTTP/" + version + "\r\nHost: h\r\n\r\n");
        auto exchange = _handler.parked();
        CPPUNIT_ASSERT(exchange);
        return exchange;
    }

public:
    void setUp() override { start(); }

    void piecesArriveAsTheyAreWritten() {
        auto c = client();
        auto stream = park(c)->stream(Reply::text(200, ""));
        CPPUNIT_ASSERT(c.hasMore(std::chrono::seconds(10))); // the head, before anything is written
        CPPUNIT_ASSERT(stream->write("event: a\n\n"));
        CPPUNIT_ASSERT(stream->write(""));
        CPPUNIT_ASSERT(stream->write("event: b\n\n"));
        stream->end();
        CPPUNIT_ASSERT(!stream->write("too late"));
        const auto answer = c.read();
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        CPPUNIT_ASSERT(answer.whole);
        CPPUNIT_ASSERT_EQUAL(std::string("event: a\n\nevent: b\n\n"), answer.body);
    }
    void connectionGoesOnAfterAStream() {
        auto c = client();
        auto exchange = park(c);
        c.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
        auto stream = exchange->stream(Reply::text(200, ""));
        stream->write("a");
        stream->end();
        CPPUNIT_ASSERT_EQUAL(std::string("a"), c.read().body);
        CPPUNIT_ASSERT_EQUAL(std::string("GET /next  "), c.read().body);
        park(c)->stream(Reply::text(200, ""))->end(); // nothing at all was written
        const auto empty = c.read();
        CPPUNIT_ASSERT(empty.whole && empty.body.empty());
    }
    void oldClientsReadToTheEndOfTheConnection() {
        auto c = client();
        auto stream = park(c, "GET", "1.0")->stream(Reply::text(200, ""));
        stream->write("abc");
        stream->end();
        const auto answer = c.read();
        CPPUNIT_ASSERT_EQUAL(std::string("close"), answer.field("Connection"));
        CPPUNIT_ASSERT_EQUAL(std::string("abc"), answer.body);
    }
    void headGetsTheHeadOnly() {
        auto c = client();
        auto stream = park(c, "HEAD")->stream(Reply::text(200, ""));
        CPPUNIT_ASSERT(!stream->write("abc"));
        Signal told;
        stream->onProgress([&told](bool open) {
            if (!open) told.set();
        });
        CPPUNIT_ASSERT(told.wait());
        CPPUNIT_ASSERT_EQUAL(200, c.read(true).status);
        c.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("GET /b  "), c.read().body);
    }
    void streamThatIsNotEndedIsBroken() {
        for (const char* version : {"1.1", "1.0"}) {
            auto c = client();
            auto stream = park(c, "GET", version)->stream(Reply::text(200, ""));
            stream->write("abc");
            CPPUNIT_ASSERT(c.hasMore(std::chrono::seconds(10)));
            stream.reset();
            pollfd end{c.fd(), POLLIN, 0};
            char buffer[1000];
            ssize_t got = 0;
            do {
                CPPUNIT_ASSERT_EQUAL(1, ::poll(&end, 1, 10'000));
                got = ::recv(c.fd(), buffer, sizeof buffer, 0);
            } while (got > 0);
            CPPUNIT_ASSERT_EQUAL(ssize_t(-1), got); // a reset: not the end of a whole answer
        }
    }
    void writerIsToldWhenItMayGoOn() {
        auto c = client();
        auto stream = park(c)->stream(Reply::text(200, ""));
        Signal drained;
        stream->onProgress([&drained](bool open) {
            if (open) drained.set();
        });
        stream->write(std::string(3u << 20, 'x'));
        const std::string more = "y";
        stream->write(more);
        std::thread reader([&c] { CPPUNIT_ASSERT_EQUAL(std::size_t((3u << 20) + 1), c.read().body.size()); });
        const bool told = drained.wait();
        stream->end();
        reader.join();
        CPPUNIT_ASSERT(told);
    }
    void writerIsToldWhenTheClientIsGone() {
        auto c = client();
        auto stream = park(c)->stream(Reply::text(200, ""));
        Signal gone;
        std::atomic<int> calls = 0;
        stream->onProgress([&](bool open) {
            if (open) return;
            ++calls;
            gone.set();
        });
        stream->write("abc");
        CPPUNIT_ASSERT(c.hasMore(std::chrono::seconds(10)));
        c.close();
        CPPUNIT_ASSERT(gone.wait());
        CPPUNIT_ASSERT(!stream->write("def"));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), stream->pending());
        stream.reset();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        CPPUNIT_ASSERT_EQUAL(1, calls.load());
    }
    void writerThatAsksLateIsTold() {
        auto c = client();
        auto stream = park(c)->stream(Reply::text(200, ""));
        CPPUNIT_ASSERT(c.hasMore(std::chrono::seconds(10)));
        c.close();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        Signal gone;
        stream->onProgress([&gone](bool open) {
            if (!open) gone.set();
        });
        CPPUNIT_ASSERT(gone.wait());
    }
    void writerThatDoesNotWaitIsCut() {
        auto c = client(4096);
        auto stream = park(c)->stream(Reply::text(200, ""));
        int written = 0;
        while (written < 200 && stream->write(std::string(1u << 20, 'x'))) ++written;
        CPPUNIT_ASSERT(written < 200);
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        CPPUNIT_ASSERT(!c.read().whole);
    }
    void streamReaderThatTakesNothingIsDropped() {
        start([](auto& s) { s.writeStallTimeout = std::chrono::milliseconds(50); });
        auto c = client(4096);
        auto stream = park(c)->stream(Reply::text(200, ""));
        Signal gone;
        stream->onProgress([&gone](bool open) {
            if (!open) gone.set();
        });
        stream->write(std::string(16u << 20, 'x'));
        CPPUNIT_ASSERT(gone.wait());
        // One that has nothing to read is not late.
        auto patient = client();
        auto quiet = park(patient)->stream(Reply::text(200, ""));
        auto stalled = client(4096);
        auto other = park(stalled)->stream(Reply::text(200, ""));
        Signal otherGone;
        other->onProgress([&otherGone](bool open) {
            if (!open) otherGone.set();
        });
        other->write(std::string(16u << 20, 'x'));
        CPPUNIT_ASSERT(otherGone.wait());
        CPPUNIT_ASSERT(quiet->write("still here"));
        quiet->end();
        CPPUNIT_ASSERT_EQUAL(std::string("still here"), patient.read().body);
    }
    void abandonedRequestIsToldOnce() {
        auto c = client();
        auto exchange = park(c);
        Signal gone;
        std::atomic<int> calls = 0;
        exchange->onAbandoned([&] {
            ++calls;
            gone.set();
        });
        c.reset();
        CPPUNIT_ASSERT(gone.wait());
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        exchange->reply(Reply::text(200, "to nobody"));
        CPPUNIT_ASSERT_EQUAL(1, calls.load());
        // First its side, then all of it.
        auto d = client();
        auto second = park(d);
        Signal secondGone;
        second->onAbandoned([&secondGone] { secondGone.set(); });
        d.endSending();
        auto e = client();
        e.send("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, e.read().status);
        d.reset();
        CPPUNIT_ASSERT(secondGone.wait());
    }
    void aClosedSocketIsToldFromAnEndedSide() {
        auto gone = client(), waits = client(), old = client();
        auto first = park(gone);
        Signal told;
        first->onAbandoned([&told] { told.set(); });
        gone.close(); // without a reset: all that comes is the end of its side
        CPPUNIT_ASSERT(told.wait());
        // Who only ended its side is asked, and answered.
        auto second = park(waits);
        bool abandoned = false;
        second->onAbandoned([&abandoned] { abandoned = true; });
        waits.endSending();
        CPPUNIT_ASSERT_EQUAL(100, waits.read().status);
        second->reply(Reply::text(200, "late"));
        CPPUNIT_ASSERT_EQUAL(std::string("late"), waits.read().body);
        CPPUNIT_ASSERT(waits.isClosed());
        CPPUNIT_ASSERT(!abandoned);
        // HTTP/1.0 knows no interim responses.
        old.send("GET /park HTTP/1.0\r\n\r\n");
        auto third = _handler.parked();
        old.endSending();
        CPPUNIT_ASSERT(!old.hasMore(std::chrono::milliseconds(300)));
        third->reply(Reply::text(200, "old"));
        CPPUNIT_ASSERT_EQUAL(std::string("old"), old.read().body);
    }
    void abandonedRequestThatAsksLateIsTold() {
        auto c = client();
        auto exchange = park(c);
        c.reset();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
        Signal gone;
        exchange->onAbandoned([&gone] { gone.set(); });
        CPPUNIT_ASSERT(gone.wait());
    }
    void allWhoAskAreToldOfAnAbandonedRequest() {
        auto c = client();
        auto exchange = park(c);
        Signal first, second;
        exchange->onAbandoned([&first] { first.set(); });
        exchange->onAbandoned([&second] { second.set(); });
        c.reset();
        CPPUNIT_ASSERT(first.wait());
        CPPUNIT_ASSERT(second.wait());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ListenerStreamTest);
