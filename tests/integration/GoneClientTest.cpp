#include "World.h"

#include "base/UniqueFd.h"

#include <cppunit/extensions/HelperMacros.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

using namespace usher;
using namespace usher::test;

/// A client that closes its connection while a plugin still judges its request.
class GoneClientTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(GoneClientTest);
    CPPUNIT_TEST(itsQuestionIsCalledOff);
    CPPUNIT_TEST_SUITE_END();

    static UniqueFd connected(int port) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CPPUNIT_ASSERT_EQUAL(
            0, ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        return fd;
    }
    static std::string metric(World& w, const std::string& name) {
        const std::string text = Http(w.port()).request("GET", "/metrics").body;
        const std::string line = "\n" + name + "{plugin=\"extended\"} ";
        const std::size_t at = text.find(line);
        CPPUNIT_ASSERT_MESSAGE("no " + name, at != std::string::npos);
        return text.substr(at + line.size(), text.find('\n', at + 1) - at - line.size());
    }
    static void await(World& w, const std::string& name, const std::string& value) {
        std::string found;
        for (int i = 0; i < 1000; ++i) {
            if ((found = metric(w, name)) == value) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, value, found);
    }

    /// The plugin says so in its log.
    static int cancelled(World& w) {
        const std::string log = w.log();
        int found = 0;
        for (std::size_t at = 0; (at = log.find("cancelled", at)) != std::string::npos; ++at) ++found;
        return found;
    }

    void itsQuestionIsCalledOff() {
        for (const char* isolation : {"inproc", "process"}) {
            World w(std::string("[auth]\ntrigger = extended\n[plugins.extended]\nword = hang\n") +
                    "deadline_ms = 1800\npath = " USHER_TEST_FIXTURES "/extended.so\nisolation = " +
                    isolation + "\n");
            const std::string job = w.createJob({"true"});
            const std::string request = "POST /api/jobs/" + job +
                                        "/trigger HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                        "application/json\r\nContent-Length: 2\r\n\r\n{}";
            std::vector<UniqueFd> clients;
            for (int i = 0; i < 30; ++i) {
                clients.push_back(connected(w.port()));
                CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(request.size()),
                                     ::send(clients.back().get(), request.data(), request.size(), 0));
            }
            await(w, "usher_plugin_in_flight", "30");
            clients.clear();
            await(w, "usher_plugin_in_flight", "0");
            CPPUNIT_ASSERT_EQUAL(std::string("30"), metric(w, "usher_plugin_called_off"));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), metric(w, "usher_plugin_deadlines_missed"));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), metric(w, "usher_plugin_breaker_open"));
            CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, "any").status);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, w.admin("GET", "/api/runs").json()["runs"].size());
            for (int i = 0; i < 1000 && cancelled(w) < 30; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            CPPUNIT_ASSERT_EQUAL(30, cancelled(w));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(GoneClientTest);
