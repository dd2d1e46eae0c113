// The machine's own rate of posix_spawn + wait of /bin/true. Arguments: SECONDS [SPAWNERS]; as many spawners
// as cores unless said otherwise, each a process of its own, as small as it gets. Prints spawns per second.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
    const long spawners = argc > 2 ? std::atol(argv[2]) : ::sysconf(_SC_NPROCESSORS_ONLN);
    void* memory =
        ::mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || seconds <= 0 || spawners < 1) return 2;
    auto& count = *new (memory) std::atomic<long>(0);
    const auto began = std::chrono::steady_clock::now();
    const auto end = began + std::chrono::duration<double>(seconds);
    for (long i = 0; i < spawners; ++i) {
        if (::fork() != 0) continue;
        char program[] = "/bin/true";
        char* arguments[] = {program, nullptr};
        char* environment[] = {nullptr};
        while (std::chrono::steady_clock::now() < end) {
            pid_t pid;
            int status = -1;
            if (::posix_spawn(&pid, program, nullptr, nullptr, arguments, environment) != 0 ||
                ::waitpid(pid, &status, 0) != pid || status != 0)
                ::_exit(1);
            ++count;
        }
        ::_exit(0);
    }
    int status, failed = 0;
    while (::wait(&status) > 0) failed |= status;
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("%.1f\n", static_cast<double>(count.load()) / took);
    return failed ? 1 : 0;
}
