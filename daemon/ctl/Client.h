#pragma once

#include "base/Json.h"

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace usher::ctl {

/// The server said no, in the API's own words. Exit code 7.
class Refused : public std::runtime_error {
public:
    Refused(int status, std::string title, std::string message, std::string code, std::string requestId,
            Json body);
    int status() const { return _status; }
    const std::string& title() const { return _title; }
    const std::string& message() const { return _message; }
    const std::string& code() const { return _code; }
    const std::string& requestId() const { return _requestId; }
    /// The whole answer; null when it was not JSON.
    const Json& body() const { return _body; }
    int retryAfterSeconds = 0; ///< from the field of that name; 0: the server named none

private:
    int _status;
    std::string _title, _message, _code, _requestId;
    Json _body;
};

/// No answer, or only a part of one. Exit code 8. `sent`: the request may have had its effect all the same.
class Unreachable : public std::runtime_error {
public:
    Unreachable(const std::string& message, bool sent) : std::runtime_error(message), _sent(sent) {}
    bool sent() const { return _sent; }

private:
    bool _sent;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
    int status = 0;
    Headers headers;
    Json body; ///< null when there was none
    /// In any case of letters; empty when absent.
    std::string field(std::string_view name) const;
};

/// A long answer that is read as it arrives.
class Download {
public:
    virtual ~Download() = default;
    /// True when something can be read without waiting longer than this, or the answer has ended.
    virtual bool wait(int milliseconds) = 0;
    /// What has arrived, at least one byte; empty at the end. Throws Unreachable when the connection breaks.
    virtual std::string read() = 0;
};

/// One server, spoken to over its HTTP port like any client does. A connection a request: a command makes
/// few. Not synchronised. Throws Refused for answers from 300 on and Unreachable when there is none.
class Client {
public:
    /// `url`: http:// or https://, a host, perhaps a port and a path in front of /api. Throws UsageError.
    Client(const std::string& url, std::string caFile);

    /// The server's name in the credentials file: scheme, host, port and path, in one form.
    const std::string& url() const { return _url; }
    /// True when what is sent can be read on the way: http, and not to this machine.
    bool isInTheClear() const;
    /// From now on every request carries this as `Authorization: Bearer`; empty: none.
    void authorise(std::string bearer) { _bearer = std::move(bearer); }

    Answer send(const std::string& method, const std::string& path, const std::optional<Json>& body = {},
                const Headers& headers = {});
    Json get(const std::string& path) { return send("GET", path).body; }
    std::unique_ptr<Download> open(const std::string& path, const Headers& headers = {});

private:
    struct Wire;
    template <class Session>
    struct WireOver;
    class WireDownload;

    std::unique_ptr<Wire> connect() const;
    std::string unreachableText(const std::string& why) const;

    std::string _url;
    std::string _host;
    unsigned short _port = 0;
    std::string _pathPrefix;
    bool _secure = false;
    std::string _caFile;
    std::string _bearer;
};

/// `target` with one more field in its query; the value is percent-encoded here.
std::string withQuery(const std::string& target, std::string_view name, std::string_view value);

} // namespace usher::ctl
