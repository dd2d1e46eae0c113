#include "http/ListenerTls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>
#include <stdexcept>

namespace usher {
namespace {

[[noreturn]] void fail(const std::string& what) {
    const unsigned long code = ERR_get_error();
    const char* reason = code ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    throw std::runtime_error(what + (reason ? std::string(": ") + reason : std::string()));
}

int chooseHttp11(SSL*, const unsigned char** out, unsigned char* outLength, const unsigned char* in,
                 unsigned inLength, void*) {
    static const unsigned char http11[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, outLength, http11, sizeof http11 - 1, in, inLength) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; // RFC 7301 section 3.2: better than speaking what was not asked
                                           // for
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

// The handshake proves that the client has the key; whom the certificate stands for is a plugin's business.
int acceptAnyCertificate(int, X509_STORE_CTX*) {
    return 1;
}

} // namespace

ListenerTls::ListenerTls(const std::string& certificateFile, const std::string& keyFile,
                         bool askForClientCertificate) {
    ERR_clear_error();
    _context = std::shared_ptr<SSL_CTX>(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!_context) fail("cannot set up TLS");
    SSL_CTX* context = _context.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("usher"), 5);
    SSL_CTX_set_alpn_select_cb(context, chooseHttp11, nullptr);
    if (askForClientCertificate) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, acceptAnyCertificate);
    if (SSL_CTX_use_certificate_chain_file(context, certificateFile.c_str()) != 1)
        fail("cannot use the TLS certificate " + certificateFile);
    if (SSL_CTX_use_PrivateKey_file(context, keyFile.c_str(), SSL_FILETYPE_PEM) != 1)
        fail("cannot use the TLS key " + keyFile);
    if (SSL_CTX_check_private_key(context) != 1)
        fail("the TLS key " + keyFile + " does not belong to the certificate " + certificateFile);
}

SslPtr ListenerTls::newConnection() const {
    return SslPtr(SSL_new(_context.get()));
}

} // namespace usher
