#include "Certificates.h"
#include "FakeHandler.h"
#include "RawClient.h"

#include "http/Listener.h"

#include <openssl/ssl.h>

#include <cppunit/extensions/HelperMacros.h>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace usher;
using namespace usher::test;

namespace {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

/// A blocking client over TLS; reads answers of known length.
class TlsClient {
public:
    explicit TlsClient(int port, const std::string& certificateFile = {}, const std::string& keyFile = {})
        : _socket(port), _context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        const timeval patience{10, 0};
        ::setsockopt(_socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (!certificateFile.empty()) {
            SSL_CTX_use_certificate_file(_context.get(), certificateFile.c_str(), SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(_context.get(), keyFile.c_str(), SSL_FILETYPE_PEM);
        }
        _ssl.reset(SSL_new(_context.get()));
        SSL_set_fd(_ssl.get(), _socket.fd());
        _connected = SSL_connect(_ssl.get()) == 1;
    }
    bool isConnected() const { return _connected; }
    bool send(const std::string& bytes) {
        return SSL_write(_ssl.get(), bytes.data(), static_cast<int>(bytes.size())) ==
               static_cast<int>(bytes.size());
    }
    /// Reads until `bytes` in all have come, or the end.
    std::string read(std::size_t bytes) {
        std::string all;
        char buffer[16384];
        while (all.size() < bytes) {
            const int got =
                SSL_read(_ssl.get(), buffer, static_cast<int>(std::min(sizeof buffer, bytes - all.size())));
            if (got <= 0) break;
            all.append(buffer, static_cast<std::size_t>(got));
        }
        return all;
    }
    /// One whole answer.
    std::string readAnswer() {
        std::string all;
        while (all.find("\r\n\r\n") == all.npos) {
            const std::string byte = read(1);
            if (byte.empty()) return all;
            all += byte;
        }
        const std::size_t at = all.find("Content-Length: ");
        return all + read(at == all.npos ? 0 : std::stoul(all.substr(at + 16)));
    }
    std::string commonName() const {
        char name[100] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(_ssl.get())),
                                  NID_commonName, name, sizeof name);
        return name;
    }
    /// The client's certificate, as the daemon is to see it.
    std::string fingerprint() const {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        X509_digest(SSL_CTX_get0_certificate(_context.get()), EVP_sha256(), digest, &length);
        return toHex({reinterpret_cast<const char*>(digest), length});
    }

private:
    RawClient _socket;
    SslContext _context;
    std::unique_ptr<SSL, decltype(&SSL_free)> _ssl{nullptr, SSL_free};
    bool _connected = false;
};

const std::string get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

} // namespace

/// The same listener behind TLS.
class ListenerTlsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ListenerTlsTest);
    CPPUNIT_TEST(requestsAreServed);
    CPPUNIT_TEST(largeAnswersAndBodiesPass);
    CPPUNIT_TEST(newCertificateServesNewConnections);
    CPPUNIT_TEST(badFilesAreRefusedByName);
    CPPUNIT_TEST(clientCertificateIsTold);
    CPPUNIT_TEST(plainClientIsClosed);
    CPPUNIT_TEST(slowHandshakeIsClosed);
    CPPUNIT_TEST(tlsClientOnThePlainPortIsRefused);
    CPPUNIT_TEST(framingIsAsStrict);
    CPPUNIT_TEST_SUITE_END();

    FakeHandler _handler;
    std::filesystem::path _folder;
    ListenerSettings _settings;
    std::unique_ptr<Listener> _listener;

    void start() {
        _listener = std::make_unique<Listener>(_settings, _handler);
        _listener->start();
    }

public:
    void setUp() override {
        std::signal(SIGPIPE, SIG_IGN); // this client writes through OpenSSL, too
        char name[] = "/tmp/usher-tls-XXXXXX";
        _folder = ::mkdtemp(name);
        _settings = {};
        _settings.port = 0;
        _settings.tlsCertificateFile = _folder / "certificate.pem";
        _settings.tlsKeyFile = _folder / "key.pem";
        makeCertificate("first", _settings.tlsCertificateFile, _settings.tlsKeyFile);
    }
    void tearDown() override {
        _listener.reset();
        std::filesystem::remove_all(_folder);
    }

    void requestsAreServed() {
        start();
        TlsClient c(_listener->port());
        for (int i = 0; i < 3; ++i) {
            CPPUNIT_ASSERT(c.send(get));
            const std::string answer = c.readAnswer();
            CPPUNIT_ASSERT(answer.find("X-Secure: yes\r\n") != answer.npos);
            CPPUNIT_ASSERT(answer.ends_with("GET /a  "));
        }
        c.send(get + get + get);
        for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(c.readAnswer().ends_with("GET /a  "));
    }
    void largeAnswersAndBodiesPass() {
        start();
        TlsClient c(_listener->port());
        c.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        CPPUNIT_ASSERT(c.readAnswer().size() > (8u << 20));
        const std::string body(1u << 20, 'x');
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
               body + get);
        CPPUNIT_ASSERT(c.readAnswer().size() > (1u << 20));
        CPPUNIT_ASSERT(c.readAnswer().ends_with("GET /a  "));
    }
    void newCertificateServesNewConnections() {
        start();
        TlsClient before(_listener->port());
        CPPUNIT_ASSERT_EQUAL(std::string("first"), before.commonName());
        makeCertificate("second", _settings.tlsCertificateFile, _settings.tlsKeyFile);
        _listener->reloadTls();
        TlsClient after(_listener->port());
        CPPUNIT_ASSERT_EQUAL(std::string("second"), after.commonName());
        std::ofstream(_settings.tlsCertificateFile) << "nonsense";
        CPPUNIT_ASSERT_THROW(_listener->reloadTls(), std::runtime_error);
        TlsClient still(_listener->port());
        CPPUNIT_ASSERT_EQUAL(std::string("second"), still.commonName());
        before.send(get);
        CPPUNIT_ASSERT(before.readAnswer().ends_with("GET /a  "));
    }
    void badFilesAreRefusedByName() {
        const auto complaint = [this] {
            try {
                start();
            } catch (const std::runtime_error& error) {
                return std::string(error.what());
            }
            return std::string();
        };
        const std::string key = _settings.tlsKeyFile;
        _settings.tlsKeyFile = _folder / "absent.pem";
        CPPUNIT_ASSERT(complaint().find("absent.pem") != std::string::npos);
        _settings.tlsKeyFile = _folder / "other.pem";
        makeCertificate("other", _folder / "unused.pem", _settings.tlsKeyFile);
        CPPUNIT_ASSERT(complaint().find("other.pem") != std::string::npos);
        _settings.tlsKeyFile = key;
        CPPUNIT_ASSERT_EQUAL(std::string(), complaint());
    }
    void clientCertificateIsTold() {
        _settings.tlsAskForClientCertificate = true;
        start();
        const std::string certificate = _folder / "client.pem", key = _folder / "client-key.pem";
        makeCertificate("client", certificate, key);
        TlsClient c(_listener->port(), certificate, key);
        c.send(get);
        CPPUNIT_ASSERT(c.readAnswer().find("X-Fingerprint: " + c.fingerprint() + "\r\n") !=
                       std::string::npos);
        TlsClient without(_listener->port());
        without.send(get);
        CPPUNIT_ASSERT(without.readAnswer().find("X-Fingerprint: \r\n") != std::string::npos);
    }
    void plainClientIsClosed() {
        start();
        RawClient c(_listener->port());
        c.send(get);
        const std::string answer = c.readAll();
        CPPUNIT_ASSERT(answer.find("HTTP") == std::string::npos);
        CPPUNIT_ASSERT(c.isClosed());
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _handler.count());
    }
    void slowHandshakeIsClosed() {
        _settings.headTimeout = std::chrono::milliseconds(50);
        start();
        RawClient c(_listener->port());
        CPPUNIT_ASSERT(c.isClosed());
    }
    void tlsClientOnThePlainPortIsRefused() {
        _settings.tlsCertificateFile.clear();
        start();
        TlsClient c(_listener->port());
        CPPUNIT_ASSERT(!c.isConnected());
    }
    void framingIsAsStrict() {
        start();
        TlsClient c(_listener->port());
        c.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0\r\n\r\n" +
               get);
        const std::string answer = c.read(100'000);
        CPPUNIT_ASSERT(answer.starts_with("HTTP/1.1 400 "));
        CPPUNIT_ASSERT_EQUAL(answer.find("HTTP/1.1 "), answer.rfind("HTTP/1.1 "));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), _handler.count());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ListenerTlsTest);
