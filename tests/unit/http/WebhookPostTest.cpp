#include "Certificates.h"
#include "FakeHandler.h"

#include "http/Listener.h"
#include "http/WebhookPost.h"

#include <cppunit/extensions/HelperMacros.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

using namespace usher;
using namespace usher::test;

/// Sending webhooks: TLS is verified, and nobody holds us longer than we say.
class WebhookPostTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhookPostTest);
    CPPUNIT_TEST(aTrustedCertificateForTheHostIsNeeded);
    CPPUNIT_TEST(aCertificateForAnotherHostIsRefused);
    CPPUNIT_TEST(fieldsAndBodyArrive);
    CPPUNIT_TEST(whoIsSilentIsGivenUp);
    CPPUNIT_TEST(aStopEndsTheWait);
    CPPUNIT_TEST_SUITE_END();

    std::string folder;

public:
    void setUp() override {
        std::signal(SIGPIPE, SIG_IGN); // as the daemon does
        char name[] = "/tmp/usher-post-test.XXXXXX";
        folder = ::mkdtemp(name);
    }
    void tearDown() override {
        ::unsetenv("SSL_CERT_FILE");
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

private:
    struct Server {
        FakeHandler handler;
        Listener listener;
        Server(const std::string& certificate, const std::string& key)
            : listener(settings(certificate, key), handler) {
            listener.start();
        }
        ~Server() { listener.stop(); }
        static ListenerSettings settings(const std::string& certificate, const std::string& key) {
            ListenerSettings settings;
            settings.address = "127.0.0.1";
            settings.port = 0;
            settings.tlsCertificateFile = certificate;
            settings.tlsKeyFile = key;
            return settings;
        }
        std::string url(const std::string& scheme, const std::string& host = "localhost") {
            return scheme + "://" + host + ":" + std::to_string(listener.port()) + "/hook";
        }
    };

    static WebhookAnswer send(WebhookPost& post, const std::string& url, int milliseconds = 5000) {
        return post.send({url, "msg_1", "1800000000", "v1,sig", "{}"},
                         std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds));
    }
    void certify(const std::string& name) { makeCertificate(name, folder + "/crt", folder + "/key"); }

    void aTrustedCertificateForTheHostIsNeeded() {
        certify("localhost");
        Server server(folder + "/crt", folder + "/key");
        WebhookPost stranger({"localhost"}, "usherd/test");
        const WebhookAnswer refused = send(stranger, server.url("https"));
        CPPUNIT_ASSERT(!refused.status);
        CPPUNIT_ASSERT_MESSAGE(refused.error, refused.error.find("certificate") != std::string::npos);
        CPPUNIT_ASSERT(server.handler.paths().empty());
        ::setenv("SSL_CERT_FILE", (folder + "/crt").c_str(), 1);
        WebhookPost trusting({"localhost"}, "usherd/test");
        const WebhookAnswer answer = send(trusting, server.url("https"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.error, 200, answer.status.value_or(0));
    }

    void aCertificateForAnotherHostIsRefused() {
        certify("example.org");
        Server server(folder + "/crt", folder + "/key");
        ::setenv("SSL_CERT_FILE", (folder + "/crt").c_str(), 1);
        WebhookPost post({"localhost"}, "usherd/test");
        const WebhookAnswer refused = send(post, server.url("https"));
        CPPUNIT_ASSERT_MESSAGE(refused.error, refused.error.find("mismatch") != std::string::npos);
        CPPUNIT_ASSERT(server.handler.paths().empty());
    }

    void fieldsAndBodyArrive() {
        Server server("", "");
        WebhookPost post({"localhost"}, "usherd/test");
        CPPUNIT_ASSERT_EQUAL(200, send(post, server.url("http")).status.value_or(0));
        CPPUNIT_ASSERT_EQUAL(std::string("/hook"), server.handler.paths().at(0));
        const WebhookAnswer refused = send(post, server.url("http", "127.0.0.1"));
        CPPUNIT_ASSERT_MESSAGE(refused.error, refused.error.find("allow") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, server.handler.count());
    }

    /// A port that takes connections and says nothing.
    struct Silent {
        int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        std::string url;
        Silent() {
            sockaddr_in at{};
            at.sin_family = AF_INET;
            at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            socklen_t size = sizeof at;
            ::bind(fd, reinterpret_cast<sockaddr*>(&at), size);
            ::listen(fd, 8);
            ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
            url = "//127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "/";
        }
        ~Silent() { ::close(fd); }
    };

    void whoIsSilentIsGivenUp() {
        Silent silent;
        WebhookPost post({"127.0.0.1"}, "usherd/test");
        for (const char* scheme : {"http:", "https:"}) {
            const WebhookAnswer answer = send(post, scheme + silent.url, 300);
            CPPUNIT_ASSERT(!answer.status);
            CPPUNIT_ASSERT_EQUAL(std::string("no answer in time"), answer.error);
        }
    }

    void aStopEndsTheWait() {
        Silent silent;
        WebhookPost post({"127.0.0.1"}, "usherd/test");
        post.giveUp();
        CPPUNIT_ASSERT_EQUAL(std::string("this node stops"), send(post, "http:" + silent.url, 60'000).error);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(WebhookPostTest);
