#include "base/CleanProcess.h"
#include "base/UniqueFd.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

using namespace usher;

/// A shell tells what it was born with.
class CleanProcessTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CleanProcessTest);
    CPPUNIT_TEST(ofOursOnlyWhatIsNamedGoesAlong);
    CPPUNIT_TEST(noSignalIsBlockedOrIgnored);
    CPPUNIT_TEST(itHasASessionOfItsOwn);
    CPPUNIT_TEST(whatIsNotThereIsSaid);
    CPPUNIT_TEST_SUITE_END();

    /// What the script writes to descriptor 4, started either way; 3 stays closed.
    static std::string told(const std::string& script) {
        const std::string spawned = told(script, false);
        CPPUNIT_ASSERT_EQUAL(spawned, told(script, true));
        return spawned;
    }
    static std::string told(const std::string& script, bool forked) {
        int ends[2];
        CPPUNIT_ASSERT_EQUAL(0, ::pipe2(ends, O_CLOEXEC));
        UniqueFd ours(ends[0]), theirs(ends[1]);
        const CleanProcess shell{"/bin/sh", {"sh", "-c", script}, {-1, theirs.get()}};
        const pid_t pid = forked ? ::fork() : shell.start();
        if (pid == 0) shell.become();
        CPPUNIT_ASSERT(pid > 0);
        theirs.reset();
        std::string text;
        std::array<char, 4096> block;
        for (ssize_t n; (n = ::read(ours.get(), block.data(), block.size())) > 0;)
            text.append(block.data(), static_cast<std::size_t>(n));
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(pid, ::waitpid(pid, &status, 0));
        CPPUNIT_ASSERT_EQUAL(0, status);
        return text;
    }

    void ofOursOnlyWhatIsNamedGoesAlong() {
        ::setenv("USHER_TEST_SECRET", "canary", 1);
        UniqueFd inherited(::open("/dev/zero", O_RDONLY)); // not close-on-exec
        const std::string open =
            told("cd /proc/$$/fd; echo [0-9]* >&4; links=$(readlink 0 1 2); echo \"$links\" >&4");
        ::unsetenv("USHER_TEST_SECRET");
        // 3 is the shell's own, which lists the folder.
        CPPUNIT_ASSERT_EQUAL(std::string("0 1 2 3 4\n/dev/null\n/dev/null\n/dev/null\n"), open);
        CPPUNIT_ASSERT_EQUAL(std::string(),
                             told("tr '\\0' '\\n' </proc/self/environ | grep USHER >&4; true"));
    }
    void noSignalIsBlockedOrIgnored() {
        sigset_t blocked, before;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
        const auto handler = std::signal(SIGHUP, SIG_IGN);
        const std::string script =
            "while read -r name mask; do case $name in SigBlk: | SigIgn:) echo $mask >&4;; esac; "
            "done </proc/self/status";
        const std::string masks[] = {told(script, false), told(script, true)};
        std::signal(SIGHUP, handler);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        // 32 and 33 are the C library's own: they stay as they were inherited.
        constexpr unsigned long long kInternal = 3ull << 31;
        for (const std::string& one : masks) {
            const std::size_t end = one.find('\n');
            CPPUNIT_ASSERT_EQUAL(0ull, std::stoull(one.substr(0, end), nullptr, 16));
            CPPUNIT_ASSERT_EQUAL(0ull, std::stoull(one.substr(end + 1), nullptr, 16) & ~kInternal);
        }
    }
    void itHasASessionOfItsOwn() {
        CPPUNIT_ASSERT_EQUAL(std::string("yes\n"),
                             told("read -r pid name state parent group session rest </proc/$$/stat; "
                                  "[ $session = $$ ] && echo yes >&4"));
    }
    void whatIsNotThereIsSaid() {
        const CleanProcess missing{"/nonexistent/program", {"program"}, {}},
            closed{"/bin/true", {"true"}, {9999}};
        CPPUNIT_ASSERT_EQUAL(-1, missing.start());
        CPPUNIT_ASSERT_EQUAL(ENOENT, errno);
        CPPUNIT_ASSERT_EQUAL(-1, closed.start());
        CPPUNIT_ASSERT_EQUAL(EBADF, errno);
        for (const CleanProcess* one : {&missing, &closed}) {
            const pid_t pid = ::fork();
            if (pid == 0) one->become();
            int status = -1;
            CPPUNIT_ASSERT_EQUAL(pid, ::waitpid(pid, &status, 0));
            CPPUNIT_ASSERT_EQUAL(127, WEXITSTATUS(status));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CleanProcessTest);
