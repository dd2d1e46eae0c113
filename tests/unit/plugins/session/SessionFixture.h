#pragma once

#include "SessionHost.h"
#include "support/TestDatabases.h"

#include <cppunit/extensions/HelperMacros.h>

#include <functional>
#include <memory>
#include <string>

namespace usher::test {

inline const std::string kCookie = "better-auth.session_token";
inline const std::string kOrigin = "http://localhost:8321";
inline const std::string kPassword = "correct horse battery";
/// scrypt of kPassword under a known salt (tests/vectors/interop.json): a user made by SQL costs no hash.
inline const std::string kStored =
    "00112233445566778899aabbccddeeff:"
    "267a33c2ae63f1c2d542f84d50b7d87c68900c8b9475f6a47ade71cf44b234822e0a34af1d226572b5caf5280931"
    "9d4c486f3d209cc2fd022fb53bb4eaeb35b1";

bool isPostgres(const std::string& url);
/// A point in time, `seconds` from now, as this database's columns hold it.
std::string at(const std::string& url, long seconds);
/// With the password kPassword; `role` empty: NULL.
void addUser(const std::string& url, const std::string& id, const std::string& email,
             const std::string& role);
/// Its first line.
std::string fileText(const std::string& path);
bool exists(const std::string& path);
Headers withCookie(const std::string& cookie);
Headers withBearer(const std::string& token);

/// session.so as the daemon meets it: the finished file, through the C interface, on each database there is.
class SessionFixture : public CppUnit::TestFixture {
protected:
    struct World {
        TestDatabases databases;
        std::string url;
        std::unique_ptr<SessionHost> node;
        Reply signIn(const std::string& email, const std::string& password = kPassword,
                     Json more = Json::object()) {
            more["email"] = email;
            more["password"] = password;
            return node->send("POST", "/api/auth/sign-in/email", more);
        }
        std::string cookieOf(const std::string& email) {
            const Reply reply = signIn(email);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(reply.body.dump(), 200, reply.status);
            return reply.cookie(kCookie);
        }
        std::string scalar(const std::string& sql) { return usher::test::scalar(url, sql); }
        void sql(const std::string& text) { execute(url, text); }
        void user(const std::string& id, const std::string& role) {
            addUser(url, id, id + "@example.com", role);
        }
    };

    /// Runs `body` in a fresh world for each kind of database.
    static void everywhere(const std::function<void(World&)>& body) {
        const std::size_t kinds = TestDatabases().urls().size();
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            World world;
            world.url = world.databases.urls()[kind];
            world.node = node(world, "node");
            world.node->up();
            body(world);
        }
    }
    static std::unique_ptr<SessionHost> node(World& world, const std::string& name) {
        return std::make_unique<SessionHost>(
            SessionHost::Options{.url = world.url, .folder = world.databases.folder() + "/" + name});
    }
    static Json setupBody(const std::string& token, const std::string& email = "Ann@Example.com") {
        return {{"token", token}, {"email", email}, {"password", kPassword}};
    }
};

} // namespace usher::test
