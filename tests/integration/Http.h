#pragma once

#include "base/Json.h"

#include <map>
#include <string>
#include <vector>

namespace usher::test {

struct Answer {
    int status = 0;                            ///< 0: no answer
    std::map<std::string, std::string> fields; ///< names in lower case
    std::string body;

    /// The body as JSON; fails the test when it is not.
    Json json() const;
    std::string field(const std::string& lowerCaseName) const {
        auto found = fields.find(lowerCaseName);
        return found == fields.end() ? "" : found->second;
    }
    std::string code() const { return json().value("code", ""); }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One connection to the daemon, kept open. Not synchronised. Plain sockets, so that a test says exactly what
/// is sent.
class Http {
public:
    explicit Http(int port) : _port(port) {}
    ~Http() { close(); }
    Http(const Http&) = delete;

    /// Status 0 when the connection broke before an answer.
    Answer request(const std::string& method, const std::string& target, const Headers& headers = {},
                   const std::string& body = {});
    /// Sends bytes as they are and reads until the other side closes or `seconds` are over.
    std::string raw(const std::string& bytes, double seconds = 2);
    void close();

private:
    bool connect();
    bool sendAll(const std::string& bytes);
    bool fill();

    int _port;
    int _fd = -1;
    std::string _buffer;
};

} // namespace usher::test
