#include "ctl/Client.h"

#include "base/Text.h"
#include "ctl/Command.h"
#include "ctl/Version.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/RejectCertificateHandler.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/URI.h>

namespace usher::ctl {

namespace {

const JsonLimits answerLimits{.maxBytes = 64u << 20, .maxDepth = 64, .maxValues = 5'000'000};
constexpr int connectSeconds = 5;
// The server answers within 1.8 s, pings a stream every 15 s, and holds ?wait= for at most 300 s, which we do
// not use.
constexpr int receiveSeconds = 35;

std::string titleOf(int status) {
    switch (status) {
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not found";
    case 413:
        return "Too large";
    case 502:
    case 503:
    case 504:
        return "Not available";
    default:
        return "HTTP " + std::to_string(status);
    }
}

std::string textOf(const Json& json, const char* name) {
    auto found = json.is_object() ? json.find(name) : json.end();
    return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Refused refusedBy(const Answer& answer) {
    std::string title = textOf(answer.body, "error");
    std::string message = textOf(answer.body, "message");
    if (title.empty()) {
        title = titleOf(answer.status);
        if (answer.status >= 300 && answer.status < 400)
            message = "the server sends us elsewhere; is the address right?";
        else if (message.empty())
            message = "this does not look like an answer of usherd; is the address right?";
    }
    std::string requestId = textOf(answer.body, "requestId");
    if (requestId.empty()) requestId = answer.field("X-Request-Id");
    Refused refused(answer.status, title, message, textOf(answer.body, "code"), requestId, answer.body);
    refused.retryAfterSeconds = static_cast<int>(parseInteger(answer.field("Retry-After")).value_or(0));
    return refused;
}

} // namespace

Refused::Refused(int status, std::string title, std::string message, std::string code, std::string requestId,
                 Json body)
    : std::runtime_error(title + ": " + message), _status(status), _title(std::move(title)),
      _message(std::move(message)), _code(std::move(code)), _requestId(std::move(requestId)),
      _body(std::move(body)) {}

std::string Answer::field(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (equalsIgnoreCase(key, name)) return value;
    return "";
}

/// A session whose arrival of bytes can be waited for.
struct Client::Wire {
    virtual ~Wire() = default;
    virtual Poco::Net::HTTPClientSession& session() = 0;
    virtual bool readable(int milliseconds) = 0;
};

template <class Session>
struct Client::WireOver : Wire {
    struct Open : Session {
        using Session::Session;
        int inBuffer() const { return this->buffered(); }
    };
    template <class... Arguments>
    explicit WireOver(Arguments&&... arguments) : open(std::forward<Arguments>(arguments)...) {}
    Poco::Net::HTTPClientSession& session() override { return open; }
    bool readable(int milliseconds) override {
        // Two bytes are the CRLF behind a chunk: Poco reads it together with the head of the next chunk, and
        // would wait for that.
        if (open.inBuffer() > 2) return true;
        if (_secure && open.socket().available() > 0) return true;
        return open.socket().poll(Poco::Timespan(milliseconds / 1000, milliseconds % 1000 * 1000),
                                  Poco::Net::Socket::SELECT_READ);
    }
    Open open;
    bool _secure = std::is_same_v<Session, Poco::Net::HTTPSClientSession>;
};

class Client::WireDownload : public Download {
public:
    WireDownload(std::unique_ptr<Wire> wire, std::istream& stream, std::string unreachable)
        : _wire(std::move(wire)), _stream(stream), _unreachable(std::move(unreachable)) {}
    bool wait(int milliseconds) override {
        return _stream.rdbuf()->in_avail() > 0 || _wire->readable(milliseconds);
    }
    std::string read() override {
        std::string piece;
        int first = _stream.get();
        if (first == std::char_traits<char>::eof()) {
            if (const Poco::Exception* why = _wire->session().networkException())
                throw Unreachable(
                    _unreachable + ": the connection broke: " + oneLine(why->displayText(), 200), true);
            return piece;
        }
        piece += static_cast<char>(first);
        auto more = static_cast<std::size_t>(std::max<std::streamsize>(0, _stream.rdbuf()->in_avail()));
        piece.resize(1 + more);
        _stream.read(piece.data() + 1, static_cast<std::streamsize>(more));
        piece.resize(1 + static_cast<std::size_t>(_stream.gcount()));
        return piece;
    }

private:
    std::unique_ptr<Wire> _wire;
    std::istream& _stream;
    std::string _unreachable;
};

Client::Client(const std::string& url, std::string caFile) : _caFile(std::move(caFile)) {
    const std::string hint = "an address looks like http://127.0.0.1:8321 or https://usher.example.org";
    try {
        Poco::URI uri(url);
        std::string scheme = uri.getScheme();
        if ((scheme != "http" && scheme != "https") || uri.getHost().empty() || !uri.getQuery().empty() ||
            !uri.getFragment().empty() || !uri.getUserInfo().empty())
            throw UsageError("not a server's address: " + oneLine(url, 200), hint);
        _secure = scheme == "https";
        _host = toLower(uri.getHost());
        _port = uri.getPort();
        _pathPrefix = uri.getPath();
        while (!_pathPrefix.empty() && _pathPrefix.back() == '/') _pathPrefix.pop_back();
        bool isV6 = _host.find(':') != std::string::npos;
        _url =
            scheme + "://" + (isV6 ? "[" + _host + "]" : _host) + ":" + std::to_string(_port) + _pathPrefix;
    } catch (const Poco::Exception&) {
        throw UsageError("not a server's address: " + oneLine(url, 200), hint);
    }
}

bool Client::isInTheClear() const {
    return !_secure && _host != "localhost" && _host != "::1" && _host.rfind("127.", 0) != 0;
}

std::unique_ptr<Client::Wire> Client::connect() const {
    std::unique_ptr<Wire> wire;
    if (_secure) {
        using Poco::Net::Context;
        Context::Ptr context = new Context(Context::TLS_CLIENT_USE, "", "", _caFile, Context::VERIFY_RELAXED,
                                           9, _caFile.empty());
        context->requireMinimumProtocol(Context::PROTO_TLSV1_2);
        Poco::Net::SSLManager::instance().initializeClient(
            nullptr, new Poco::Net::RejectCertificateHandler(false), context);
        wire = std::make_unique<WireOver<Poco::Net::HTTPSClientSession>>(_host, _port, context);
    } else {
        wire = std::make_unique<WireOver<Poco::Net::HTTPClientSession>>(_host, _port);
    }
    wire->session().setTimeout(Poco::Timespan(connectSeconds, 0), Poco::Timespan(receiveSeconds, 0),
                               Poco::Timespan(receiveSeconds, 0));
    return wire;
}

std::string Client::unreachableText(const std::string& why) const {
    return "cannot reach " + _url + ": " + why;
}

std::unique_ptr<Download> Client::open(const std::string& path, const Headers& headers) {
    bool sent = false;
    std::unique_ptr<Wire> wire;
    try {
        wire = connect();
        Poco::Net::HTTPRequest request("GET", _pathPrefix + path, Poco::Net::HTTPMessage::HTTP_1_1);
        request.set("User-Agent", std::string("usherctl/") + version());
        if (!_bearer.empty()) request.set("Authorization", "Bearer " + _bearer);
        for (const auto& [name, value] : headers) request.set(name, value);
        wire->session().sendRequest(request);
        sent = true;
        Poco::Net::HTTPResponse response;
        std::istream& stream = wire->session().receiveResponse(response);
        if (response.getStatus() >= 300) {
            Answer answer;
            answer.status = response.getStatus();
            for (const auto& [name, value] : response) answer.headers.emplace_back(name, value);
            std::string text(64 * 1024, '\0');
            stream.read(text.data(), static_cast<std::streamsize>(text.size()));
            text.resize(static_cast<std::size_t>(stream.gcount()));
            auto parsed = parseJson(text);
            if (Json* json = std::get_if<Json>(&parsed)) answer.body = std::move(*json);
            throw refusedBy(answer);
        }
        return std::make_unique<WireDownload>(std::move(wire), stream, "cannot read from " + _url);
    } catch (const Poco::Exception& e) {
        throw Unreachable(unreachableText(oneLine(e.displayText(), 200)), sent);
    }
}

Answer Client::send(const std::string& method, const std::string& path, const std::optional<Json>& body,
                    const Headers& headers) {
    bool sent = false;
    try {
        std::unique_ptr<Wire> wire = connect();
        Poco::Net::HTTPRequest request(method, _pathPrefix + path, Poco::Net::HTTPMessage::HTTP_1_1);
        request.set("User-Agent", std::string("usherctl/") + version());
        request.set("Accept", "application/json");
        if (!_bearer.empty()) request.set("Authorization", "Bearer " + _bearer);
        for (const auto& [name, value] : headers) request.set(name, value);
        std::string text;
        if (body) {
            text = toText(*body);
            request.setContentType("application/json");
        }
        if (body || method != "GET") request.setContentLength(static_cast<std::streamsize>(text.size()));
        std::ostream& out = wire->session().sendRequest(request);
        // From here on the server may have understood us, whatever we hear of it.
        sent = true;
        out << text << std::flush;

        Poco::Net::HTTPResponse response;
        std::istream& in = wire->session().receiveResponse(response);
        Answer answer;
        answer.status = response.getStatus();
        for (const auto& [name, value] : response) answer.headers.emplace_back(name, value);
        std::string received;
        char piece[16 * 1024];
        while (in.read(piece, sizeof piece) || in.gcount() > 0) {
            received.append(piece, static_cast<std::size_t>(in.gcount()));
            if (received.size() > answerLimits.maxBytes)
                throw Unreachable("the answer of " + _url + " is larger than 64 MiB", true);
        }
        if (const Poco::Exception* why = wire->session().networkException()) why->rethrow();
        if (response.hasContentLength() &&
            static_cast<std::streamsize>(received.size()) < response.getContentLength())
            throw Unreachable("the answer of " + _url + " was cut off", true);
        if (!received.empty()) {
            auto parsed = parseJson(received, answerLimits);
            if (Json* json = std::get_if<Json>(&parsed))
                answer.body = std::move(*json);
            else if (answer.status < 300)
                throw Refused(answer.status, "Not an answer of usherd",
                              "what came is not JSON; is " + _url + " the right address?", "",
                              answer.field("X-Request-Id"), nullptr);
        }
        if (answer.status >= 300) throw refusedBy(answer);
        return answer;
    } catch (const Poco::Net::SSLException& e) {
        throw Unreachable(unreachableText("no trusted TLS connection: " + oneLine(e.displayText(), 200)),
                          false);
    } catch (const Poco::Exception& e) {
        throw Unreachable(unreachableText(oneLine(e.displayText(), 200)), sent);
    }
}

std::string withQuery(const std::string& target, std::string_view name, std::string_view value) {
    const char* separator = target.find('?') == std::string::npos ? "?" : "&";
    return target + separator + std::string(name) + "=" + percentEncode(value);
}

} // namespace usher::ctl
