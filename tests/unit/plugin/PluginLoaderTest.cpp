#include "PluginTestKit.h"

#include <atomic>
#include <cstdlib>

#include <sys/stat.h>

using namespace usher;
using namespace usher::test;

/// What is refused before any of its code runs, and that the reason says what to do.
class PluginLoaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PluginLoaderTest);
    CPPUNIT_TEST(loadsWhatIsRight);
    CPPUNIT_TEST(loadsEachPathOnce);
    CPPUNIT_TEST(seesThatTheDiskDiffers);
    CPPUNIT_TEST(refusesOtherVersionsWithoutRunningThem);
    CPPUNIT_TEST(refusesWhatSaysDifferentThings);
    CPPUNIT_TEST(refusesAnEntryThatIsNotItsOwn);
    CPPUNIT_TEST(refusesLinks);
    CPPUNIT_TEST(refusesWhatOthersMayWrite);
    CPPUNIT_TEST(letsAStickyFolderThrough);
    CPPUNIT_TEST(refusesWhatBelongsToSomebodyElse);
    CPPUNIT_TEST(refusesOddPaths);
    CPPUNIT_TEST(refusesEveryTruncatedFile);
    CPPUNIT_TEST(survivesEveryFlippedByteOfTheHeaders);
    CPPUNIT_TEST(neverLoadsWhatIsSwappedIn);
    CPPUNIT_TEST_SUITE_END();

    static std::string refusal(const std::string& path) {
        try {
            PluginLoader().load(path);
        } catch (const PluginRefused& refused) {
            return refused.what();
        }
        CPPUNIT_FAIL("loaded " + path);
        return {};
    }
    /// By inode: names change, and what is loaded stays.
    static bool isMapped(const std::string& path) {
        struct stat st {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &st));
        return bytesOf("/proc/self/maps").find(" " + std::to_string(st.st_ino) + " ") != std::string::npos;
    }
    static void assertSays(const std::string& part, const std::string& message) {
        CPPUNIT_ASSERT_MESSAGE("expected \"" + part + "\" in: " + message,
                               message.find(part) != std::string::npos);
    }
    static std::string bytesOf(const std::string& path) {
        std::string content;
        int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        char buffer[4096];
        for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
            content.append(buffer, static_cast<size_t>(n));
        ::close(fd);
        return content;
    }

    Folder folder;

    void loadsWhatIsRight() {
        auto plugin = PluginLoader().load(folder.copy("bare"));
        CPPUNIT_ASSERT_EQUAL(std::string("bare"), plugin->note.id);
        CPPUNIT_ASSERT_EQUAL(std::string("1.0.0"), plugin->note.version);
        CPPUNIT_ASSERT_EQUAL(std::string("tests"), plugin->vendor);
        CPPUNIT_ASSERT(plugin->ops.check && !plugin->ops.settled);
    }
    void loadsEachPathOnce() {
        PluginLoader loader;
        std::string path = folder.copy("bare");
        CPPUNIT_ASSERT(loader.load(path) == loader.load(path));
        CPPUNIT_ASSERT(loader.load(folder.copy("bare", "second.so"))->path != path);
    }
    void seesThatTheDiskDiffers() {
        std::string path = folder.copy("bare");
        auto plugin = PluginLoader().load(path);
        CPPUNIT_ASSERT(!plugin->differsFromDisk());
        ::rename(folder.copy("bare", "new.so").c_str(), path.c_str()); // as a package manager does it
        CPPUNIT_ASSERT(plugin->differsFromDisk());
        ::unlink(path.c_str());
        CPPUNIT_ASSERT(plugin->differsFromDisk());
    }
    void refusesOtherVersionsWithoutRunningThem() {
        ::unsetenv("USHER_TEST_CONSTRUCTOR");
        std::string path = folder.copy("future_major");
        std::string message = refusal(path);
        assertSays(path, message);
        assertSays("version 2 of the plugin interface", message);
        assertSays("newer usherd", refusal(folder.copy("future_minor")));
        assertSays("no note", refusal(folder.copy("no_note")));
        CPPUNIT_ASSERT(!::getenv("USHER_TEST_CONSTRUCTOR"));
    }
    void refusesWhatSaysDifferentThings() {
        assertSays("its entry says it is \"bare\" and its note says \"other\"",
                   refusal(folder.copy("other_id")));
        assertSays("a-z, 0-9 and -", refusal(folder.copy("bad_id")));
        assertSays("lacks one of create", refusal(folder.copy("no_check")));
    }
    void refusesAnEntryThatIsNotItsOwn() {
        assertSays("does not export usher_auth_entry_v1", refusal(folder.copy("no_entry")));
        assertSays("from a library that it links", refusal(folder.copy("borrowed_entry")));
    }
    void refusesLinks() {
        std::string path = folder.copy("bare"), link = folder.path + "/link.so",
                    aside = folder.path + "/aside";
        CPPUNIT_ASSERT_EQUAL(0, ::symlink(path.c_str(), link.c_str()));
        assertSays("symbolic link", refusal(link));
        CPPUNIT_ASSERT_EQUAL(0, ::symlink(folder.path.c_str(), aside.c_str()));
        assertSays(aside + " is a symbolic link", refusal(aside + "/bare.so"));
    }
    void refusesWhatOthersMayWrite() {
        std::string path = folder.copy("bare");
        for (mode_t mode : {0664, 0646, 0777}) {
            ::chmod(path.c_str(), mode);
            assertSays("chmod go-w " + path, refusal(path));
        }
        ::chmod(path.c_str(), 0644);
        for (mode_t mode : {0770, 0707}) {
            ::chmod(folder.path.c_str(), mode);
            assertSays("chmod go-w " + folder.path, refusal(path));
        }
        ::chmod(folder.path.c_str(), 0755);
        PluginLoader().load(path);
    }
    void letsAStickyFolderThrough() {
        std::string path = folder.copy("bare");
        ::chmod(folder.path.c_str(), 01777);
        PluginLoader().load(path);
        ::chmod(folder.path.c_str(), 0700);
    }
    void refusesWhatBelongsToSomebodyElse() {
        if (::geteuid() != 0) return; // only root can give files away
        std::string path = folder.copy("bare");
        CPPUNIT_ASSERT_EQUAL(0, ::chown(path.c_str(), 65534, 65534));
        assertSays("belongs to user 65534", refusal(path));
        CPPUNIT_ASSERT_EQUAL(0, ::chown(path.c_str(), 0, 0));
        CPPUNIT_ASSERT_EQUAL(0, ::chown(folder.path.c_str(), 65534, 65534));
        assertSays("belongs to user 65534", refusal(path));
        CPPUNIT_ASSERT_EQUAL(0, ::chown(folder.path.c_str(), 0, 0));
    }
    void refusesOddPaths() {
        std::string path = folder.copy("bare");
        assertSays("absolute", refusal("bare.so"));
        assertSays("absolute", refusal(""));
        assertSays("..", refusal(folder.path + "/../" + folder.path.substr(5) + "/bare.so"));
        assertSays("No such file", refusal(folder.path + "/absent.so"));
        assertSays("no folder", refusal(path + "/x.so"));
        assertSays("no regular file", refusal(folder.path));
        assertSays("folder", refusal("/"));
        assertSays("no regular file", refusal("/dev/null"));
        std::string fifo = folder.path + "/fifo";
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(fifo.c_str(), 0600));
        assertSays("no regular file", refusal(fifo));
        assertSays("is not a path", refusal(std::string("/tmp/a\0b", 8)));
        assertSays("no shared object", refusal(folder.write("text.so", std::string(4096, 'x'))));
    }
    void refusesEveryTruncatedFile() {
        const std::string whole = bytesOf(folder.copy("bare"));
        std::string path = folder.write("cut.so", "");
        int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        for (std::size_t length = 0; length < whole.size(); ++length) {
            if (length > 0)
                CPPUNIT_ASSERT(::pwrite(fd, &whole[length - 1], 1, static_cast<off_t>(length) - 1) == 1);
            refusal(path);
        }
        ::close(fd);
    }
    void survivesEveryFlippedByteOfTheHeaders() {
        const std::string whole = bytesOf(folder.copy("bare"));
        std::string path = folder.write("flipped.so", whole);
        int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        const std::size_t head = std::min<std::size_t>(whole.size(), 64 + 56 * 16);
        for (std::size_t at = 0; at < head; ++at)
            for (unsigned flip : {0x01u, 0x80u, 0xffu}) {
                char byte = static_cast<char>(static_cast<unsigned char>(whole[at]) ^ flip);
                CPPUNIT_ASSERT(::pwrite(fd, &byte, 1, static_cast<off_t>(at)) == 1);
                try {
                    readPluginNote(
                        fd, path); // the note only: the linker itself trusts a file that says sane things
                } catch (const PluginRefused&) {
                }
                CPPUNIT_ASSERT(::pwrite(fd, &whole[at], 1, static_cast<off_t>(at)) == 1);
            }
        ::close(fd);
    }
    void neverLoadsWhatIsSwappedIn() {
        // The good and the bad file change places under one name while it is loaded. The bad one has the same
        // note; what makes it bad is that others may write it, so any load of it would come from a check of
        // the other file.
        const std::string good = folder.copy("bare", "good.so"), bad = folder.copy("bare", "bad.so"),
                          link = folder.path + "/link.so";
        ::chmod(bad.c_str(), 0666);
        CPPUNIT_ASSERT_EQUAL(0, ::symlink(bad.c_str(), link.c_str()));
        // A new name each time: the dynamic linker does not look again at a name that it has loaded.
        auto nameOf = [&](int round) { return folder.path + "/" + std::to_string(round) + ".so"; };
        std::atomic<int> round{0};
        std::atomic<bool> over{false};
        std::thread attacker([&] {
            const std::string next = folder.path + "/next.so";
            for (unsigned turn = 0; !over; ++turn) {
                const std::string& from = turn % 3 == 0 ? good : turn % 3 == 1 ? bad : link;
                ::unlink(next.c_str());
                if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, next.c_str(), 0) == 0)
                    ::rename(next.c_str(), nameOf(round).c_str());
            }
        });
        int loaded = 0, refused = 0;
        for (; round < 1000; ++round) {
            const std::string path = nameOf(round);
            CPPUNIT_ASSERT(::link(good.c_str(), path.c_str()) == 0 || errno == EEXIST);
            try {
                PluginLoader().load(path);
                ++loaded;
            } catch (const PluginRefused&) {
                ++refused;
            }
        }
        over = true;
        attacker.join();
        CPPUNIT_ASSERT(loaded > 0);
        CPPUNIT_ASSERT(refused > 0);
        CPPUNIT_ASSERT(isMapped(good));
        CPPUNIT_ASSERT(!isMapped(bad)); // had it been loaded for a moment, it would still be there
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginLoaderTest);
