#include "base/ServiceManager.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

using namespace usher;

/// The notes that systemd reads, at a socket of ours.
class ServiceManagerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ServiceManagerTest);
    CPPUNIT_TEST(withoutAManagerNothingIsSaid);
    CPPUNIT_TEST(theLifeOfAServiceIsTold);
    CPPUNIT_TEST(aReloadSaysWhenItBegan);
    CPPUNIT_TEST(anAbstractSocketIsReached);
    CPPUNIT_TEST(theWatchdogOfAnotherProcessIsNotOurs);
    CPPUNIT_TEST(socketsOfAnotherProcessAreNotOurs);
    CPPUNIT_TEST(nothingIsLeftInTheEnvironment);
    CPPUNIT_TEST_SUITE_END();

    std::string _path;
    UniqueFd _socket;

    void listen(const std::string& name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name[0] == '@') address.sun_path[0] = '\0';
        _socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        CPPUNIT_ASSERT_EQUAL(0, ::bind(_socket.get(), reinterpret_cast<sockaddr*>(&address), size));
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    std::string heard() {
        char buffer[512];
        ssize_t size = ::recv(_socket.get(), buffer, sizeof buffer, 0);
        return size < 0 ? "(nothing)" : std::string(buffer, static_cast<std::size_t>(size));
    }

public:
    void setUp() override {
        for (const char* name :
             {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"})
            ::unsetenv(name);
        char folder[] = "/tmp/usher-notify.XXXXXX";
        CPPUNIT_ASSERT(::mkdtemp(folder));
        _path = folder;
    }
    void tearDown() override {
        ::unlink((_path + "/notify").c_str());
        ::rmdir(_path.c_str());
    }

    void withoutAManagerNothingIsSaid() {
        ServiceManager manager;
        manager.ready();
        CPPUNIT_ASSERT(!manager.watchdog());
        CPPUNIT_ASSERT(!manager.takeListener());
    }
    void theLifeOfAServiceIsTold() {
        listen(_path + "/notify");
        ::setenv("WATCHDOG_USEC", "30000000", 1);
        ServiceManager manager;
        CPPUNIT_ASSERT(manager.watchdog() == std::chrono::seconds(30));
        manager.startTakes(std::chrono::hours(1));
        CPPUNIT_ASSERT_EQUAL(std::string("EXTEND_TIMEOUT_USEC=3600000000"), heard());
        manager.ready();
        CPPUNIT_ASSERT_EQUAL(std::string("READY=1"), heard());
        manager.alive();
        CPPUNIT_ASSERT_EQUAL(std::string("WATCHDOG=1"), heard());
        manager.stopping();
        CPPUNIT_ASSERT_EQUAL(std::string("STOPPING=1"), heard());
    }
    void aReloadSaysWhenItBegan() {
        listen(_path + "/notify");
        ServiceManager manager;
        manager.reloading();
        std::string note = heard();
        CPPUNIT_ASSERT_EQUAL(std::string("RELOADING=1\nMONOTONIC_USEC="), note.substr(0, 27));
        CPPUNIT_ASSERT(note.size() > 27 && note.find_first_not_of("0123456789", 27) == std::string::npos);
    }
    void anAbstractSocketIsReached() {
        listen("@usher-test-" + std::to_string(::getpid()));
        ServiceManager().ready();
        CPPUNIT_ASSERT_EQUAL(std::string("READY=1"), heard());
    }
    void theWatchdogOfAnotherProcessIsNotOurs() {
        listen(_path + "/notify");
        ::setenv("WATCHDOG_USEC", "30000000", 1);
        ::setenv("WATCHDOG_PID", "1", 1);
        CPPUNIT_ASSERT(!ServiceManager().watchdog());
    }
    void socketsOfAnotherProcessAreNotOurs() {
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", "1", 1);
        CPPUNIT_ASSERT(!ServiceManager().takeListener());
        ::setenv("LISTEN_FDS", "2", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ServiceManager two;
        CPPUNIT_ASSERT_THROW(two.takeListener(), std::runtime_error);
    }
    void nothingIsLeftInTheEnvironment() {
        listen(_path + "/notify");
        ::setenv("WATCHDOG_USEC", "1", 1);
        ::setenv("LISTEN_FDS", "0", 1);
        ServiceManager manager;
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"})
            CPPUNIT_ASSERT(!::getenv(name));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ServiceManagerTest);
