#include "FakeHandler.h"
#include "RawClient.h"

#include "http/Listener.h"
#include "http/ListenerSocket.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

/// The listener over real connections: what a well-behaved client sees.
class ListenerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ListenerTest);
    CPPUNIT_TEST(connectionsAreKeptAlive);
    CPPUNIT_TEST(pipelinedRequestsAreAnsweredInOrder);
    CPPUNIT_TEST(nextRequestWaitsForTheAnswerOfTheFirst);
    CPPUNIT_TEST(requestsInAnyPiecesAreWhole);
    CPPUNIT_TEST(chunkedBodiesAreUnchunked);
    CPPUNIT_TEST(continueIsSentBeforeTheBodyOnly);
    CPPUNIT_TEST(aSlowBodyTakesItsOwnTimeNotOurs);
    CPPUNIT_TEST(headAnswersHaveNoBody);
    CPPUNIT_TEST(oldClientsAreClosedUnlessTheyAskToStay);
    CPPUNIT_TEST(closeIsHonoured);
    CPPUNIT_TEST(clientThatEndsItsSideStillGetsItsAnswers);
    CPPUNIT_TEST(requestIdsAreEchoedOrMade);
    CPPUNIT_TEST(droppedRequestsAnswer500);
    CPPUNIT_TEST(theFirstAnswerCounts);
    CPPUNIT_TEST(loopAnswersWhileWorkersAreBusy);
    CPPUNIT_TEST(secondInstanceIsRefused);
    CPPUNIT_TEST(inheritedSocketIsServed);
    CPPUNIT_TEST(severalLoopsShareTheConnections);
    CPPUNIT_TEST(drainFinishesWhatIsUnderWay);
    CPPUNIT_TEST(handedOverSocketLosesNobody);
    CPPUNIT_TEST(stopUnderLoadEnds);
    CPPUNIT_TEST(exchangesOutliveTheListener);
    CPPUNIT_TEST_SUITE_END();

    FakeHandler _handler;
    std::unique_ptr<Listener> _listener;

    static ListenerSettings settings() {
        ListenerSettings settings;
        settings.port = 0;
        return settings;
    }
    void start(ListenerSettings settings) {
        _listener = std::make_unique<Listener>(std::move(settings), _handler);
        _listener->start();
    }

public:
    void setUp() override { start(settings()); }
    void tearDown() override { _listener.reset(); }

    RawClient client() { return RawClient(_listener->port()); }

    void connectionsAreKeptAlive() {
        auto c = client();
        for (int i = 0; i < 3; ++i) {
            c.send("POST /a?b=" + std::to_string(i) +
                   " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
            const auto answer = c.read();
            CPPUNIT_ASSERT_EQUAL(200, answer.status);
            CPPUNIT_ASSERT_EQUAL("POST /a b=" + std::to_string(i) + " hello", answer.body);
            CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), answer.field("X-Peer"));
            CPPUNIT_ASSERT_EQUAL(std::string("no"), answer.field("X-Secure"));
            CPPUNIT_ASSERT_EQUAL(std::string("nosniff"), answer.field("X-Content-Type-Options"));
            CPPUNIT_ASSERT_EQUAL(std::string(), answer.field("Connection"));
        }
    }
    void pipelinedRequestsAreAnsweredInOrder() {
        auto c = client();
        std::string requests;
        for (int i = 0; i < 500; ++i) {
            const std::string n = std::to_string(i);
            if (i % 3 == 0)
                requests += "GET /now HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + n + "\r\n\r\n";
            else
                requests += "POST /" + n + " HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + n +
                            "\r\nContent-Length: " + std::to_string(n.size()) + "\r\n\r\n" + n;
        }
        c.send(requests);
        for (int i = 0; i < 500; ++i) {
            const std::string n = std::to_string(i);
            const auto answer = c.read();
            CPPUNIT_ASSERT_EQUAL(n, answer.field("X-Request-Id"));
            CPPUNIT_ASSERT_EQUAL(i % 3 == 0 ? std::string("now") : "POST /" + n + "  " + n, answer.body);
        }
    }
    void nextRequestWaitsForTheAnswerOfTheFirst() {
        auto c = client();
        c.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n");
        auto first = _handler.parked();
        CPPUNIT_ASSERT(first);
        auto other = client();
        other.send("GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, other.read().status);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), _handler.count()); // /park and /other, not /second
        first->reply(Reply::text(200, "first"));
        CPPUNIT_ASSERT_EQUAL(std::string("first"), c.read().body);
        CPPUNIT_ASSERT_EQUAL(std::string("GET /second  "), c.read().body);
    }
    void requestsInAnyPiecesAreWhole() {
        const std::string request =
            "\r\nPOST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
            "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n";
        for (const std::size_t step : {std::size_t(1), std::size_t(3), std::size_t(50), request.size()}) {
            auto c = client();
            for (std::size_t at = 0; at < request.size(); at += step) c.send(request.substr(at, step));
            CPPUNIT_ASSERT_EQUAL(std::string("POST /a  hello"), c.read().body);
            CPPUNIT_ASSERT_EQUAL(std::string("POST /b  world"), c.read().body);
        }
    }
    void chunkedBodiesAreUnchunked() {
        auto c = client();
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("POST /a  hello!"), c.read().body);
        CPPUNIT_ASSERT_EQUAL(std::string("GET /b  "), c.read().body);
        const std::string large(1u << 20, 'x');
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" +
               large);
        CPPUNIT_ASSERT_EQUAL(large.size() + 9, c.read().body.size());
    }
    void continueIsSentBeforeTheBodyOnly() {
        auto c = client();
        const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ";
        c.send(head + "5\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(100, c.read().status);
        c.send("hello");
        CPPUNIT_ASSERT_EQUAL(std::string("POST /a  hello"), c.read().body);
        c.send(head + "5\r\n\r\nhello"); // it did not wait
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        c.send(head + "0\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        c.send(head + "99999999\r\n\r\n"); // too large: never asked for
        CPPUNIT_ASSERT_EQUAL(413, c.read().status);
        CPPUNIT_ASSERT(c.isClosed());
        auto unknown = client();
        unknown.send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: the-best\r\nContent-Length: 5\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(417, unknown.read().status);
        CPPUNIT_ASSERT(unknown.isClosed());
    }
    void aSlowBodyTakesItsOwnTimeNotOurs() {
        auto c = client();
        c.send("POST /park HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(100, c.read().status); // the head is complete
        const auto before = std::chrono::steady_clock::now();
        c.send("b");
        const auto exchange = _handler.parked();
        CPPUNIT_ASSERT(exchange && exchange->request().received >= before);
        exchange->reply(Reply::text(200, "there"));
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
    }
    void headAnswersHaveNoBody() {
        auto c = client();
        c.send("HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n");
        const auto answer = c.read(true);
        CPPUNIT_ASSERT_EQUAL(std::string("11"), answer.field("Content-Length"));
        c.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("GET /b  "), c.read().body);
        c.send("HEAD / HTTP/1.1\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(400, c.read(true).status);
        CPPUNIT_ASSERT(c.isClosed());
    }
    void oldClientsAreClosedUnlessTheyAskToStay() {
        auto c = client();
        c.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("keep-alive"), c.read().field("Connection"));
        c.send("GET /a HTTP/1.0\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("close"), c.read().field("Connection"));
        CPPUNIT_ASSERT(c.isClosed());
    }
    void closeIsHonoured() {
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: y, Close\r\n\r\nGET /b "
               "HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("close"), c.read().field("Connection"));
        CPPUNIT_ASSERT(c.isClosed());
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _handler.count());
    }
    void clientThatEndsItsSideStillGetsItsAnswers() {
        auto c = client();
        c.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\n");
        c.endSending();
        auto parked = _handler.parked();
        CPPUNIT_ASSERT(parked);
        parked->reply(Reply::text(200, "a"));
        CPPUNIT_ASSERT_EQUAL(std::string("a"), c.read().body);
        CPPUNIT_ASSERT_EQUAL(std::string("GET /b  "), c.read().body);
        CPPUNIT_ASSERT_EQUAL(400, c.read().status); // cut short
        CPPUNIT_ASSERT(c.isClosed());
    }
    void requestIdsAreEchoedOrMade() {
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine.1\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("mine.1"), c.read().field("X-Request-Id"));
        std::vector<std::string> made;
        for (int i = 0; i < 3; ++i) {
            c.send("GET /a HTTP/1.1\r\nHost: h\r\nX-Request-Id: not \"mine\"\r\n\r\n");
            made.push_back(c.read().field("X-Request-Id"));
            CPPUNIT_ASSERT_EQUAL(std::size_t(24), made.back().size());
        }
        CPPUNIT_ASSERT(made[0] != made[1] && made[1] != made[2]);
        c.send("POST /small HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine.2\r\nContent-Length: 11\r\n\r\n");
        const auto refused = c.read();
        CPPUNIT_ASSERT_EQUAL(std::string("mine.2"), refused.field("X-Request-Id"));
        CPPUNIT_ASSERT(refused.body.find("\"requestId\":\"mine.2\"") != std::string::npos);
    }
    void droppedRequestsAnswer500() {
        auto c = client();
        for (const char* path : {"/drop", "/throw"}) {
            c.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
            const auto answer = c.read();
            CPPUNIT_ASSERT_EQUAL(500, answer.status);
            CPPUNIT_ASSERT(answer.body.find("as told") == std::string::npos);
        }
    }
    void theFirstAnswerCounts() {
        auto c = client();
        c.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\n");
        auto exchange = _handler.parked();
        CPPUNIT_ASSERT(exchange->reply(Reply::text(200, "one")));
        CPPUNIT_ASSERT(!exchange->reply(Reply::text(200, "two")));
        CPPUNIT_ASSERT(!exchange->stream(Reply::text(200, ""))->write("three"));
        exchange.reset();
        CPPUNIT_ASSERT_EQUAL(std::string("one"), c.read().body);
        c.send("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("now"), c.read().body);
    }
    void loopAnswersWhileWorkersAreBusy() {
        struct Stuck final : RequestHandler {
            Signal entered, leave;
            BodyRule bodyRule(const std::string&, const std::string&) const override { return {}; }
            void handle(std::shared_ptr<Exchange> exchange) override {
                entered.set();
                leave.wait();
                exchange->reply(Reply::text(200, "late"));
            }
            std::optional<Reply> answerAtOnce(const HttpRequest& request) const override {
                if (request.path == "/now") return Reply::text(200, "now");
                return std::nullopt;
            }
        } stuck;
        auto few = settings();
        few.workers = 1;
        few.workerQueueLimit = 1;
        Listener listener(few, stuck);
        listener.start();
        RawClient busy(listener.port()), queued(listener.port()), refused(listener.port()),
            healthy(listener.port());
        busy.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT(stuck.entered.wait());
        queued.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        // Which of two that come together is queued is open; that both are not is certain.
        healthy.send("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::string("now"), healthy.read().body);
        refused.send("GET /c HTTP/1.1\r\nHost: h\r\n\r\n");
        const auto answer = refused.read();
        CPPUNIT_ASSERT_EQUAL(503, answer.status);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), answer.field("Retry-After"));
        stuck.leave.set();
        CPPUNIT_ASSERT_EQUAL(std::string("late"), busy.read().body);
        CPPUNIT_ASSERT_EQUAL(std::string("late"), queued.read().body);
    }
    void secondInstanceIsRefused() {
        auto same = settings();
        same.port = _listener->port();
        Listener second(same, _handler);
        try {
            second.start();
            CPPUNIT_FAIL("two listeners on one port");
        } catch (const std::runtime_error& error) {
            CPPUNIT_ASSERT(std::string(error.what()).find(std::to_string(same.port)) != std::string::npos);
            CPPUNIT_ASSERT(std::string(error.what()).find("another usherd") != std::string::npos);
        }
        const int port = _listener->port();
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        _listener.reset();
        auto again = settings(); // old connections in TIME_WAIT do not hinder a restart
        again.port = port;
        start(again);
    }
    void inheritedSocketIsServed() {
        UniqueFd inherited = openListener("127.0.0.1", 0);
        auto with = settings();
        const int port = portOf(inherited.get());
        with.listenFd = inherited.release();
        start(with);
        CPPUNIT_ASSERT_EQUAL(port, _listener->port());
        auto c = client();
        c.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        auto wrong = settings();
        wrong.listenFd = ::dup(c.fd());
        Listener refused(wrong, _handler);
        CPPUNIT_ASSERT_THROW(refused.start(), std::runtime_error);
    }
    void severalLoopsShareTheConnections() {
        auto two = settings();
        two.loops = 2;
        start(two);
        std::vector<RawClient> clients;
        for (int i = 0; i < 6; ++i) clients.emplace_back(_listener->port());
        for (auto& c : clients) c.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        for (auto& c : clients) CPPUNIT_ASSERT_EQUAL(200, c.read().status);
        CPPUNIT_ASSERT_EQUAL(6, _listener->connectionCount());
    }
    void drainFinishesWhatIsUnderWay() {
        auto idle = client(), busy = client(), fresh = client();
        idle.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(200, idle.read().status);
        busy.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\n");
        auto exchange = _handler.parked();
        _listener->stopAccepting();
        CPPUNIT_ASSERT(idle.isClosed());
        CPPUNIT_ASSERT_THROW(client(), std::runtime_error);
        // It connected before, and asks only now.
        fresh.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        const auto last = fresh.read();
        CPPUNIT_ASSERT_EQUAL(200, last.status);
        CPPUNIT_ASSERT_EQUAL(std::string("close"), last.field("Connection"));
        CPPUNIT_ASSERT(fresh.isClosed());
        fresh.close();
        exchange->reply(Reply::text(200, "done"));
        const auto answer = busy.read();
        CPPUNIT_ASSERT_EQUAL(std::string("done"), answer.body);
        CPPUNIT_ASSERT_EQUAL(std::string("close"), answer.field("Connection"));
        CPPUNIT_ASSERT(busy.isClosed());
        busy.close();
        CPPUNIT_ASSERT(_listener->waitUntilDrained(std::chrono::seconds(10)));
    }
    void handedOverSocketLosesNobody() {
        const UniqueFd door = openListener("127.0.0.1", 0); // as the service manager holds it
        auto inherited = settings();
        std::atomic<bool> stop = false;
        std::atomic<int> asked = 0, lost = 0;
        std::thread asking([&, port = portOf(door.get())] {
            while (!stop) {
                RawClient c(port);
                c.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
                ++asked;
                if (c.read().status != 200) ++lost;
            }
        });
        for (int round = 0; round < 300; ++round) {
            inherited.listenFd = ::dup(door.get());
            Listener listener(inherited, _handler);
            listener.start();
            for (const int before = asked; asked == before;) std::this_thread::yield();
            listener.stopAccepting();
            listener.waitUntilDrained(std::chrono::seconds(5));
        }
        inherited.listenFd = ::dup(door.get());
        Listener last(inherited, _handler);
        last.start(); // who is waiting still is answered
        stop = true;
        asking.join();
        CPPUNIT_ASSERT_EQUAL(0, lost.load());
    }
    void stopUnderLoadEnds() {
        std::atomic<bool> stop = false;
        std::atomic<int> answered = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&, port = _listener->port()] {
                while (!stop) {
                    try {
                        RawClient c(port);
                        while (
                            !stop &&
                            c.send(
                                "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /now HTTP/1.1\r\nHost: h\r\n\r\n")) {
                            if (c.read().status != 200 || c.read().status != 200) break;
                            ++answered;
                        }
                    } catch (const std::runtime_error&) {
                        return; // refused: it has stopped
                    }
                }
            });
        while (answered < 200) std::this_thread::yield();
        _listener->stop();
        stop = true;
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(0, _listener->connectionCount());
    }
    void exchangesOutliveTheListener() {
        auto c = client(), d = client(), e = client();
        auto park = [this](RawClient& each) { // one after another, so that each is known by its client
            each.send("GET /park HTTP/1.1\r\nHost: h\r\n\r\n");
            return _handler.parked();
        };
        auto first = park(c), second = park(d), third = park(e);
        auto stream = third->stream(Reply::text(200, ""));
        Signal abandoned;
        first->onAbandoned([&abandoned] { abandoned.set(); });
        _listener.reset();
        CPPUNIT_ASSERT(abandoned.wait());
        first->reply(Reply::text(200, "to nobody"));
        second.reset();
        stream->write("to nobody");
        stream->end();
        CPPUNIT_ASSERT(c.isClosed());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ListenerTest);
