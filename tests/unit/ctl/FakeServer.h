#pragma once

#include "base/Json.h"
#include "base/Mutex.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/StreamCopier.h>
#include <Poco/ThreadPool.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace usher::ctl {

/// An HTTP server on a free loopback port that answers by a table: "GET /api/jobs?limit=200" → answers, used
/// in order, the last one again and again. Keeps every request for the test to look at. Stops when it goes
/// out of scope.
class FakeServer {
public:
    struct Request {
        std::string line; ///< "POST /api/jobs"
        std::map<std::string, std::string> headers;
        std::string body;
    };
    struct Answer {
        int status = 200;
        std::string body;
        std::map<std::string, std::string> headers;
    };

    FakeServer()
        : _socket(Poco::Net::SocketAddress("127.0.0.1", 0)),
          _server(new Factory(*this), _pool, _socket, parameters()) {
        _server.start();
    }
    ~FakeServer() { _server.stopAll(true); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(_socket.address().port()); }
    void on(const std::string& line, Answer answer) {
        Lock lock(_mutex);
        _answers[line].push_back(std::move(answer));
    }
    void on(const std::string& line, const std::string& json) { on(line, Answer{200, json, {}}); }
    std::vector<Request> requests() const {
        Lock lock(_mutex);
        return _requests;
    }
    /// The one request with this line; an empty one when there is none.
    Request request(const std::string& line) const {
        for (const Request& request : requests())
            if (request.line == line) return request;
        return {};
    }
    int count(const std::string& line) const {
        int n = 0;
        for (const Request& request : requests()) n += request.line == line ? 1 : 0;
        return n;
    }

private:
    class Handler : public Poco::Net::HTTPRequestHandler {
    public:
        explicit Handler(FakeServer& server) : _server(server) {}
        void handleRequest(Poco::Net::HTTPServerRequest& request,
                           Poco::Net::HTTPServerResponse& response) override {
            Request seen{request.getMethod() + " " + request.getURI(), {}, ""};
            for (const auto& [name, value] : request) seen.headers[name] = value;
            if (request.hasContentLength()) Poco::StreamCopier::copyToString(request.stream(), seen.body);
            Answer answer = _server.answerTo(seen);
            response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(answer.status));
            response.setContentType("application/json");
            response.set("X-Request-Id", "req-1");
            for (const auto& [name, value] : answer.headers) response.set(name, value);
            response.setContentLength(static_cast<std::streamsize>(answer.body.size()));
            response.send() << answer.body;
        }

    private:
        FakeServer& _server;
    };
    class Factory : public Poco::Net::HTTPRequestHandlerFactory {
    public:
        explicit Factory(FakeServer& server) : _server(server) {}
        Poco::Net::HTTPRequestHandler* createRequestHandler(const Poco::Net::HTTPServerRequest&) override {
            return new Handler(_server);
        }

    private:
        FakeServer& _server;
    };

    Answer answerTo(const Request& request) {
        Lock lock(_mutex);
        _requests.push_back(request);
        auto found = _answers.find(request.line);
        if (found == _answers.end())
            return {
                404,
                R"({"error":"Not found","message":"no such route","code":"NOT_FOUND","requestId":"req-404"})",
                {}};
        std::size_t turn = _turns[request.line]++;
        return found->second[std::min(turn, found->second.size() - 1)];
    }

    /// Poco's idle threads hold their place in the pool, and the program at its end, for this long.
    static Poco::Net::HTTPServerParams* parameters() {
        auto* parameters = new Poco::Net::HTTPServerParams;
        parameters->setThreadIdleTime(Poco::Timespan(0, 20'000));
        return parameters;
    }

    mutable Mutex _mutex;
    std::map<std::string, std::vector<Answer>> _answers GUARDED_BY(_mutex);
    std::map<std::string, std::size_t> _turns GUARDED_BY(_mutex);
    std::vector<Request> _requests GUARDED_BY(_mutex);
    Poco::ThreadPool _pool;
    Poco::Net::ServerSocket _socket;
    Poco::Net::HTTPServer _server;
};

} // namespace usher::ctl
