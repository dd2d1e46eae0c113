#include "IdleConnections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace bench {

int holdIdleConnections(int port, int count) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::string request =
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n\r\n";
    std::vector<int> lines;
    for (int i = 0; i < count; ++i) {
        int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        char answer[4096];
        if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(request.size()) ||
            ::recv(fd, answer, sizeof answer, 0) <= 0) {
            std::fprintf(stderr, "connection %d: %s\n", i, std::strerror(errno));
            return 1;
        }
        lines.push_back(fd);
    }
    std::printf("ready %d\n", count);
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    int closed = 0;
    for (int fd : lines) {
        char byte;
        if (::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) ++closed;
        ::close(fd);
    }
    std::printf("closed %d\n", closed);
    return 0;
}

} // namespace bench
