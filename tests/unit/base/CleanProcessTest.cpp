#include "base/CleanProcess.h"
#include "base/UniqueFd.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fcntl.h>
#include <sys/wait.h>

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

    /// What the script writes to descriptor 4; 3 stays closed.
    static std::string told(const std::string& script) {
        int ends[2];
        CPPUNIT_ASSERT_EQUAL(0, ::pipe2(ends, O_CLOEXEC));
        UniqueFd ours(ends[0]), theirs(ends[1]);
        const pid_t pid = CleanProcess{"/bin/sh", {"sh", "-c", script}, {-1, theirs.get()}}.start();
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
        const std::string masks =
            told("while read -r name mask; do case $name in SigBlk: | SigIgn:) echo $mask >&4;; esac; "
                 "done </proc/self/status");
        std::signal(SIGHUP, handler);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        // 32 and 33 are the C library's own: they stay as they were inherited.
        constexpr unsigned long long kInternal = 3ull << 31;
        const std::size_t end = masks.find('\n');
        CPPUNIT_ASSERT_EQUAL(0ull, std::stoull(masks.substr(0, end), nullptr, 16));
        CPPUNIT_ASSERT_EQUAL(0ull, std::stoull(masks.substr(end + 1), nullptr, 16) & ~kInternal);
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
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CleanProcessTest);
