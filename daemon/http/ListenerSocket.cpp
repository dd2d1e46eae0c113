#include "http/ListenerSocket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace usher {
namespace {

[[noreturn]] void fail(const std::string& address, int port, int error) {
    std::string message = "cannot listen on " + address + " port " + std::to_string(port) + ": " +
                          std::generic_category().message(error);
    if (error == EADDRINUSE) message += " (is another usherd running? see `ss -ltnp`)";
    if (error == EACCES) message += " (ports below 1024 need CAP_NET_BIND_SERVICE)";
    if (error == EADDRNOTAVAIL) message += " (no interface of this machine has that address)";
    throw std::runtime_error(message);
}

/// Options that accepted sockets inherit.
void prepareForClients(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on); // an answer is one write: there is nothing to wait for
    // What a slow reader does not take stays with us, where it has a budget. In the kernel, some thousand of
    // them would use up the memory of TCP, and everybody's connections would crawl.
    const int unsent = 128 << 10;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

} // namespace

UniqueFd openListener(const std::string& address, int port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (code != 0) throw std::runtime_error("cannot listen on " + address + ": " + gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);

    UniqueFd fd(::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) fail(address, port, errno);
    const int on = 1, off = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (list->ai_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    prepareForClients(fd.get());
    if (::bind(fd.get(), list->ai_addr, list->ai_addrlen) != 0) fail(address, port, errno);
    if (::listen(fd.get(), SOMAXCONN) != 0) fail(address, port, errno);
    return fd;
}

UniqueFd adoptListener(int inherited) {
    UniqueFd fd(inherited);
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(inherited, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening)
        throw std::runtime_error("the inherited descriptor " + std::to_string(inherited) +
                                 " is not a listening socket");
    ::fcntl(inherited, F_SETFD, FD_CLOEXEC);
    prepareForClients(inherited);
    ::fcntl(inherited, F_SETFL, ::fcntl(inherited, F_GETFL) | O_NONBLOCK);
    return fd;
}

int portOf(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
    if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
    if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
    return 0;
}

std::string addressText(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
    } else if (address.ss_family == AF_INET6) {
        const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&ip))
            ::inet_ntop(AF_INET, &ip.s6_addr[12], text, sizeof text);
        else
            ::inet_ntop(AF_INET6, &ip, text, sizeof text);
    }
    return text;
}

} // namespace usher
