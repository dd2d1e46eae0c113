#include "http/WebhookTargets.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// Where webhooks may go.
class WebhookTargetsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhookTargetsTest);
    CPPUNIT_TEST(onlyHttpUrlsWithAHostAreUrls);
    CPPUNIT_TEST(partsComeOutRight);
    CPPUNIT_TEST(privateAddressesAreNotPublic);
    CPPUNIT_TEST(allowedOnesAreReached);
    CPPUNIT_TEST_SUITE_END();

    using Target = WebhookTargets::Target;
    static bool forbidden(const WebhookTargets& targets, const std::string& url) {
        const auto parsed = WebhookTargets::parse(url);
        if (const auto* problem = std::get_if<std::string>(&parsed)) CPPUNIT_FAIL(url + " " + *problem);
        return targets.resolve(std::get<Target>(parsed)).forbidden;
    }

    void onlyHttpUrlsWithAHostAreUrls() {
        for (const char* bad : {"",
                                "x",
                                "/path",
                                "//host/path",
                                "ftp://example.org/",
                                "file:///etc/passwd",
                                "http://",
                                "http:///path",
                                "https://user@example.org/",
                                "https://u:p@example.org/",
                                "https://a b/",
                                "https://example.org/\r\nX: y",
                                "https://example.org:0/",
                                "https://example.org:70000/",
                                "https://example.org/#part",
                                "https://127.1/",
                                "https://2130706433/",
                                "https://0x7f000001/",
                                "https://ex\\ample.org/",
                                "https://ex%61mple.org/x y",
                                "javascript:alert(1)"})
            CPPUNIT_ASSERT_MESSAGE(bad, std::holds_alternative<std::string>(WebhookTargets::parse(bad)));
    }
    void partsComeOutRight() {
        const auto one = std::get<Target>(WebhookTargets::parse("https://Hooks.Example.org/in/1?a=b%20c&d"));
        CPPUNIT_ASSERT(one.tls);
        CPPUNIT_ASSERT_EQUAL(std::string("hooks.example.org"), one.host);
        CPPUNIT_ASSERT_EQUAL(443, one.port);
        CPPUNIT_ASSERT_EQUAL(std::string("hooks.example.org"), one.authority);
        CPPUNIT_ASSERT_EQUAL(std::string("/in/1?a=b%20c&d"), one.path);
        const auto two = std::get<Target>(WebhookTargets::parse("http://[2001:db8::1]:8080"));
        CPPUNIT_ASSERT(!two.tls);
        CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), two.host);
        CPPUNIT_ASSERT_EQUAL(std::string("[2001:db8::1]:8080"), two.authority);
        CPPUNIT_ASSERT_EQUAL(std::string("/"), two.path);
    }
    void privateAddressesAreNotPublic() {
        for (const char* text : {"127.0.0.1",   "127.9.9.9",        "0.0.0.0",
                                 "10.1.2.3",    "172.16.0.1",       "172.31.255.255",
                                 "192.168.1.1", "169.254.169.254",  "100.64.0.1",
                                 "192.0.0.8",   "198.18.0.1",       "203.0.113.9",
                                 "224.0.0.1",   "255.255.255.255",  "::",
                                 "::1",         "::ffff:127.0.0.1", "::ffff:10.0.0.1",
                                 "fe80::1",     "fc00::1",          "fd12::1",
                                 "ff02::1",     "64:ff9b::a00:1",   "2002:a00:1::",
                                 "2001:db8::1", "2001::1",          "::7f00:1"})
            CPPUNIT_ASSERT_MESSAGE(text, !WebhookTargets::isPublic(parseAddress(text).value()));
        for (const char* text : {"1.1.1.1", "8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "193.0.0.1",
                                 "2a00:1450:4001::1", "2606:4700::1111", "::ffff:8.8.8.8"})
            CPPUNIT_ASSERT_MESSAGE(text, WebhookTargets::isPublic(parseAddress(text).value()));
    }
    void allowedOnesAreReached() {
        const WebhookTargets none({});
        for (const char* url :
             {"http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://10.0.0.1/"})
            CPPUNIT_ASSERT_MESSAGE(url, forbidden(none, url));
        CPPUNIT_ASSERT(!forbidden(none, "http://8.8.8.8/"));
        const WebhookTargets some({"10.0.0.0/8", "LocalHost", "::1"});
        for (const char* url : {"http://10.0.0.1/", "http://localhost/", "http://[::1]/"})
            CPPUNIT_ASSERT_MESSAGE(url, !forbidden(some, url));
        CPPUNIT_ASSERT(forbidden(some, "http://127.0.0.1/")); // a name is not its address
        CPPUNIT_ASSERT(forbidden(some, "http://11.0.0.1.example.invalid/") ==
                       false); // not found is not forbidden
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(WebhookTargetsTest);
