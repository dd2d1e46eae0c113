// The only file that knows libcurl. (Poco would do, but for one thing: the thread that loads
// libPocoFoundation has SIGPIPE blocked afterwards, and a plugin that is loaded does nothing, rule 7.)
#include "Fetch.h"

#include <curl/curl.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <memory>
#include <set>

namespace usher::oidc {

namespace {

constexpr std::size_t kLongest = 256u << 10;

struct Answer {
    std::string body;
    bool tooLong = false;
};

std::size_t take(char* data, std::size_t one, std::size_t count, void* raw) {
    auto& answer = *static_cast<Answer*>(raw);
    const std::size_t size = one * count;
    answer.tooLong = answer.tooLong || answer.body.size() + size > kLongest;
    if (answer.tooLong) return size + 1; // ends the transfer
    answer.body.append(data, size);
    return size;
}

/// Close-on-exec from its first moment: the daemon starts other programs.
curl_socket_t openSocket(void*, curlsocktype, curl_sockaddr* address) {
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// The sockets that programs which are started now would inherit.
std::set<int> inheritableSockets() {
    std::set<int> found;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        const int fd = std::atoi(entry->d_name);
        const int flags = ::fcntl(fd, F_GETFD);
        struct stat st {};
        if (flags >= 0 && !(flags & FD_CLOEXEC) && ::fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
            found.insert(fd);
    }
    return found;
}

/// libcurl makes pairs of sockets to be woken by, and for the thread that resolves a name; no option makes
/// them close-on-exec.
void closeOnExec(const std::set<int>& but) {
    for (int fd : inheritableSockets())
        if (!but.count(fd)) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

long millisecondsLeft(Fetch::Deadline until) {
    return static_cast<long>(
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())
            .count());
}

} // namespace

Fetch::Fetch(std::string authorities) : _authorities(std::move(authorities)) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw FetchFailed("libcurl cannot be used");
}

Fetch::~Fetch() {
    curl_global_cleanup();
}

std::string Fetch::get(const std::string& url, Deadline until) {
    const std::set<int> notOurs = inheritableSockets();
    const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(curl_multi_init(), curl_multi_cleanup);
    closeOnExec(notOurs);
    const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
    const long patience = millisecondsLeft(until);
    if (!multi || !easy) throw FetchFailed("out of memory");
    if (patience <= 0) throw FetchFailed(url + " is too slow");

    Answer answer;
    char problem[CURL_ERROR_SIZE] = "";
    CURL* const curl = easy.get();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); // also none from the environment
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, patience);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, static_cast<long>(kLongest));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "usherd-auth-oidc");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, openSocket);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    if (!_authorities.empty()) {
        curl_blob pem{const_cast<char*>(_authorities.data()), _authorities.size(), CURL_BLOB_NOCOPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &pem);
        curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }

    {
        plugin::Lock lock(_mutex);
        _running = multi.get();
    }
    curl_multi_add_handle(multi.get(), curl);
    int running = 1;
    while (running > 0 && !_aborted) {
        if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
        closeOnExec(notOurs);
        if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    {
        plugin::Lock lock(_mutex);
        _running = nullptr;
    }
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left))
        if (message->msg == CURLMSG_DONE) result = message->data.result;
    curl_multi_remove_handle(multi.get(), curl);

    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (answer.tooLong || result == CURLE_FILESIZE_EXCEEDED)
        throw FetchFailed(url + " answers with more than 256 KiB");
    if (result == CURLE_OPERATION_TIMEDOUT) throw FetchFailed(url + " is too slow");
    if (result != CURLE_OK)
        throw FetchFailed(url + ": " + (problem[0] ? problem : curl_easy_strerror(result)));
    if (status != 200) throw FetchFailed(url + " answers " + std::to_string(status));
    return std::move(answer.body);
}

void Fetch::abort() {
    _aborted = true;
    plugin::Lock lock(_mutex);
    if (_running) curl_multi_wakeup(static_cast<CURLM*>(_running));
}

} // namespace usher::oidc
