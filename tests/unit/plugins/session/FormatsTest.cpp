#include "common/Crypto.h"
#include "common/Text.h"
#include "session/Body.h"
#include "session/Cookies.h"
#include "session/Origin.h"
#include "session/Password.h"
#include "session/Roles.h"
#include "session/Throttle.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <random>
#include <vector>

using namespace usher::session;
using Json = nlohmann::json;

namespace {

const std::string kSecret = "lab-secret-0123456789abcdefghijklmnopqrstuv";
const std::string kToken = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";
const std::string kSignature = "ZUKkGNH5dukELJ5PTH7BANgm6goAuz7psevEZIZ2eR8=";

Json vectors() {
    std::ifstream file(USHER_TEST_VECTORS);
    return Json::parse(file);
}

} // namespace

/// The formats that other programs share with us, to the byte, and the tables of who may do what.
class FormatsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FormatsTest);
    CPPUNIT_TEST(cookiesAreThoseOfTheKnownAnswers);
    CPPUNIT_TEST(passwordsAreThoseOfTheKnownAnswers);
    CPPUNIT_TEST(aNewPasswordHashHasAFreshSaltAndMatches);
    CPPUNIT_TEST(unreadableStoredPasswordsMatchNothing);
    CPPUNIT_TEST(aCookieIsAcceptedEncodedOrNot);
    CPPUNIT_TEST(whatWeDidNotSignIsRefused);
    CPPUNIT_TEST(noMutationOfACookieIsACookie);
    CPPUNIT_TEST(passwordsOfAnyKindMatchThemselvesOnly);
    CPPUNIT_TEST(theTokenEndsAtTheLastDot);
    CPPUNIT_TEST(cookiesAreFoundByTheirExactName);
    CPPUNIT_TEST(overHttpsOnlyTheSecureCookieCounts);
    CPPUNIT_TEST(setCookieHasTheAttributesOfThePage);
    CPPUNIT_TEST(bearerTokensHaveOneForm);
    CPPUNIT_TEST(originsAreOursOrNot);
    CPPUNIT_TEST(rolesTimesActions);
    CPPUNIT_TEST(emailsAreLowerCasedAndChecked);
    CPPUNIT_TEST_SUITE_END();

    const Cookies cookies{kSecret, "better-auth"};

    std::string header(const std::string& value) { return "better-auth.session_token=" + value; }

    void cookiesAreThoseOfTheKnownAnswers() {
        const Json known = vectors()["session_cookie"];
        CPPUNIT_ASSERT(known.size() >= 2);
        for (const Json& vector : known) {
            const Cookies signer(vector["secret"], "better-auth");
            CPPUNIT_ASSERT_EQUAL(vector["cookie"].get<std::string>(),
                                 signer.seal(vector["token"].get<std::string>()));
            CPPUNIT_ASSERT_EQUAL(vector["token"].get<std::string>(),
                                 signer.open(vector["cookie"].get<std::string>()).value());
        }
    }
    void passwordsAreThoseOfTheKnownAnswers() {
        const Json known = vectors()["password_hash"];
        CPPUNIT_ASSERT(known.size() >= 2);
        for (const Json& vector : known) {
            const std::string password = vector["password"], stored = vector["stored"];
            CPPUNIT_ASSERT_EQUAL(stored, Password::hash(password, vector["salt_hex"].get<std::string>()));
            CPPUNIT_ASSERT(Password::matches(password, stored));
            CPPUNIT_ASSERT(!Password::matches(password + "x", stored));
        }
        // NFKC: the ligature and the two letters are one password.
        CPPUNIT_ASSERT(Password::matches("fianc\u00e9e", known[1]["stored"].get<std::string>()));
        CPPUNIT_ASSERT(Password::matches("fiance\u0301e", known[1]["stored"].get<std::string>()));
    }
    void aNewPasswordHashHasAFreshSaltAndMatches() {
        const std::string first = Password::hash("correct horse"), second = Password::hash("correct horse");
        CPPUNIT_ASSERT(first != second);
        CPPUNIT_ASSERT_EQUAL(std::size_t(32 + 1 + 128), first.size());
        CPPUNIT_ASSERT(Password::matches("correct horse", first));
    }
    void unreadableStoredPasswordsMatchNothing() {
        for (const char* stored : {"", ":", "abc", "00:zz", ":00", "00112233445566778899aabbccddeeff:",
                                   "00112233445566778899aabbccddeeff:00"})
            CPPUNIT_ASSERT_MESSAGE(stored, !Password::matches("", stored));
    }
    void aCookieIsAcceptedEncodedOrNot() {
        CPPUNIT_ASSERT_EQUAL(kToken, cookies.open(kToken + "." + kSignature).value());
        CPPUNIT_ASSERT_EQUAL(kToken, cookies.open(cookies.seal(kToken)).value());
        CPPUNIT_ASSERT_EQUAL(kToken, cookies.open(kToken + "%2e" + kSignature).value());
    }
    void whatWeDidNotSignIsRefused() {
        const std::string otherSecret = Cookies("another", "better-auth").seal(kToken);
        std::string base64Url = kSignature, flipped = kSignature, spelling = kSignature;
        for (char& c : base64Url) c = c == '+' ? '-' : c == '/' ? '_' : c;
        // The signature of this token has neither + nor /: another one does.
        std::string token = "a";
        while (cookies.seal(token).find("%2") == std::string::npos) token += "a";
        std::string sealed = cookies.open(cookies.seal(token)) ? cookies.seal(token) : "";
        for (std::size_t at; (at = sealed.find("%2B")) != std::string::npos;) sealed.replace(at, 3, "-");
        for (std::size_t at; (at = sealed.find("%2F")) != std::string::npos;) sealed.replace(at, 3, "_");
        flipped[0] = 'Y';
        spelling[42] = '9'; // same bytes, other left-over bits
        for (const std::string& value :
             {std::string(), kToken, kToken + ".", "." + kSignature, kToken + "." + kSignature.substr(0, 43),
              kToken + "." + kSignature + "=", kToken + "." + flipped, kToken + "." + spelling, otherSecret,
              sealed, kToken + "." + kSignature.substr(0, 43) + "%3",
              kToken + "." + kSignature.substr(0, 43) + "%zz", kToken + "X." + kSignature,
              kToken + "." + kSignature + " ", std::string(5000, 'a')})
            CPPUNIT_ASSERT_MESSAGE(value, !cookies.open(value));
    }
    void noMutationOfACookieIsACookie() {
        const Cookies stranger("lab-secret-0123456789abcdefghijklmnopqrstuw", "better-auth");
        for (unsigned seed = 1; seed <= 50; ++seed) {
            std::mt19937 random(seed);
            const std::string note = "seed " + std::to_string(seed);
            const std::string token = createCookieToken(), other = createCookieToken();
            const std::string sealed = cookies.seal(token), otherSealed = cookies.seal(other);
            const std::string raw = usher::plugin::percentDecode(sealed).value();
            CPPUNIT_ASSERT_EQUAL_MESSAGE(note, token, cookies.open(sealed).value());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(note, token, cookies.open(raw).value());
            const auto refused = [&](const std::string& value) {
                CPPUNIT_ASSERT_MESSAGE(note + ": " + value, !cookies.open(value));
            };
            for (std::size_t size = 0; size < sealed.size(); ++size)
                refused(sealed.substr(0, size)); // truncated
            for (std::size_t from = 1; from < raw.size(); ++from) refused(raw.substr(from));
            refused(stranger.seal(token));
            refused(token + otherSealed.substr(32)); // swapped signatures
            refused(other + sealed.substr(32));
            refused(sealed + sealed); // doubled
            refused(sealed + "." + sealed);
            refused(usher::plugin::percentEncode(sealed)); // encoded twice
            for (int i = 0; i < 200; ++i) {
                std::string changed = raw;
                char& c = changed[random() % changed.size()];
                const char before = c;
                c = static_cast<char>(0x20 + random() % 0x5f);
                if (c != before) refused(changed);
            }
            const std::string name = "better-auth.session_token=";
            CPPUNIT_ASSERT(!cookies.findToken(name + sealed + "; " + name + otherSealed, false));
            CPPUNIT_ASSERT(!cookies.findToken(name + "x; " + name + sealed, false));
            CPPUNIT_ASSERT_EQUAL(token,
                                 cookies.findToken(name + sealed + "; " + name + sealed, false).value());
        }
    }
    void passwordsOfAnyKindMatchThemselvesOnly() {
        const std::vector<std::string> passwords{"",
                                                 "pass word with spaces ",
                                                 "\u30d1\u30b9\u30ef\u30fc\u30c9\u5bc6\u78bc",
                                                 "\U0001F511\U0001F469\u200D\U0001F4BB key",
                                                 std::string("nul\0inside", 10),
                                                 std::string(128, 'x'),
                                                 "\u0130stanbul \u00df\u1e9e"};
        std::string salt(32, 'a');
        for (std::size_t i = 0; i < passwords.size(); ++i) {
            const std::string stored = Password::hash(passwords[i], salt);
            CPPUNIT_ASSERT(Password::matches(passwords[i], stored));
            CPPUNIT_ASSERT(!Password::matches(passwords[(i + 1) % passwords.size()], stored));
            CPPUNIT_ASSERT(!Password::matches(passwords[i] + " ", stored));
        }
        // 1 MB is cut before it costs anything, and is nobody's: not even that of the empty password.
        const std::string huge(1 << 20, 'p'), ofNothing = Password::hash("", salt);
        CPPUNIT_ASSERT(!Password::acceptable(huge));
        CPPUNIT_ASSERT(!Password::matches(huge, ofNothing));
        CPPUNIT_ASSERT(!Password::matches("\xff\xfe", ofNothing));
        for (const char* bad : {"", "1234567", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"})
            CPPUNIT_ASSERT_MESSAGE(bad, !Password::acceptable(bad));
        CPPUNIT_ASSERT(Password::acceptable("\u30d1\u30b9\u30ef\u30fc\u30c9\u5bc6\u78bc\u3042"));
        CPPUNIT_ASSERT(!Password::acceptable(std::string(129, 'x')));
    }
    void theTokenEndsAtTheLastDot() {
        CPPUNIT_ASSERT_EQUAL(std::string("a.b.c"), cookies.open(cookies.seal("a.b.c")).value());
    }
    void cookiesAreFoundByTheirExactName() {
        const std::string sealed = cookies.seal(kToken);
        CPPUNIT_ASSERT_EQUAL(kToken, cookies.findToken("a=b; " + header(sealed) + ";c=d", false).value());
        CPPUNIT_ASSERT(!cookies.findToken("xbetter-auth.session_token=" + sealed, false));
        CPPUNIT_ASSERT(!cookies.findToken("better-auth.session_data=" + sealed, false));
        CPPUNIT_ASSERT(!cookies.findToken("better-auth.session_token", false));
        CPPUNIT_ASSERT(!cookies.findToken("", false));
        // Twice the same is one; two different ones are none.
        CPPUNIT_ASSERT(cookies.findToken(header(sealed) + "; " + header(sealed), false));
        CPPUNIT_ASSERT(!cookies.findToken(header(sealed) + "; " + header(cookies.seal("other")), false));
        CPPUNIT_ASSERT(!cookies.findToken(header(cookies.seal(storedBearer("ushs_x"))), false));
        const Cookies other(kSecret, "mine");
        CPPUNIT_ASSERT(!other.findToken(header(sealed), false));
        CPPUNIT_ASSERT(other.findToken("mine.session_token=" + sealed, false));
    }
    void overHttpsOnlyTheSecureCookieCounts() {
        const std::string plain = header(cookies.seal(kToken)),
                          secure = "__Secure-" + header(cookies.seal("secure"));
        CPPUNIT_ASSERT(!cookies.findToken(plain, true));
        CPPUNIT_ASSERT_EQUAL(std::string("secure"), cookies.findToken(plain + "; " + secure, true).value());
        CPPUNIT_ASSERT_EQUAL(kToken, cookies.findToken(plain, false).value());
    }
    void setCookieHasTheAttributesOfThePage() {
        const std::string value = kToken + ".ZUKkGNH5dukELJ5PTH7BANgm6goAuz7psevEZIZ2eR8%3D";
        CPPUNIT_ASSERT_EQUAL("better-auth.session_token=" + value +
                                 "; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
                             cookies.setting(kToken, false, true).at(0));
        CPPUNIT_ASSERT_EQUAL("__Secure-better-auth.session_token=" + value +
                                 "; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Secure",
                             cookies.setting(kToken, true, true).at(0));
        const auto forgotten = cookies.setting(kToken, false, false);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), forgotten.size());
        CPPUNIT_ASSERT_EQUAL("better-auth.session_token=" + value + "; Path=/; HttpOnly; SameSite=Lax",
                             forgotten[0]);
        CPPUNIT_ASSERT_EQUAL(
            std::string("better-auth.dont_remember=true.Ea5nkswqpDlKmlTUQRTbkfknjoNPNoLwGwz4aro7RuE%3D"
                        "; Path=/; HttpOnly; SameSite=Lax"),
            forgotten[1]);
        CPPUNIT_ASSERT(cookies.dontRemember(forgotten[1]));
        CPPUNIT_ASSERT(!cookies.dontRemember(forgotten[0]));
    }
    void bearerTokensHaveOneForm() {
        const std::string token = createBearerToken();
        CPPUNIT_ASSERT_EQUAL(std::size_t(37), token.size());
        CPPUNIT_ASSERT(isBearerToken(token));
        CPPUNIT_ASSERT_EQUAL("ushs_" + usher::plugin::toBase64Url(usher::plugin::sha256(token)),
                             storedBearer(token));
        for (const std::string& other :
             {storedBearer(token), createCookieToken(), token + "a", token.substr(0, 36),
              "USHS_" + token.substr(5), "ushs_" + std::string(32, '-'), std::string()})
            CPPUNIT_ASSERT_MESSAGE(other, !isBearerToken(other));
    }
    void originsAreOursOrNot() {
        const OwnAddress local{"", "8321"};
        for (const char* ours : {"http://localhost:8321", "http://127.0.0.1:8321", "http://[::1]:8321",
                                 "https://localhost:8321", "http://LOCALHOST:8321"})
            CPPUNIT_ASSERT_MESSAGE(ours, isOurOrigin(ours, local));
        for (const char* foreign :
             {"", "null", "http://localhost", "http://localhost:8322", "http://localhost:8321/",
              "http://localhost.example.com:8321", "http://example.com:8321", "//localhost:8321",
              "http://localhost:8321 http://x", "http://a@localhost:8321", "ftp://localhost:8321",
              "http://localhost:08321", "http://localhost:8321,http://x", "http://127.0.0.2:8321"})
            CPPUNIT_ASSERT_MESSAGE(foreign, !isOurOrigin(foreign, local));
        const OwnAddress configured{"https://ci.example.com/usher", "8321"};
        CPPUNIT_ASSERT(isOurOrigin("https://ci.example.com", configured));
        CPPUNIT_ASSERT(isOurOrigin("https://ci.example.com:443", configured));
        for (const char* foreign :
             {"http://ci.example.com", "https://ci.example.com:8443", "https://evil.example.com",
              "http://localhost:8321", "https://ci.example.com.evil.net"})
            CPPUNIT_ASSERT_MESSAGE(foreign, !isOurOrigin(foreign, configured));
        CPPUNIT_ASSERT(isOurOrigin("http://usher.lan:8321", {"http://usher.lan:8321", "1"}));
        CPPUNIT_ASSERT(!isOurOrigin("http://localhost:80", {"", ""}));
    }
    void rolesTimesActions() {
        const std::vector<std::string> viewer{"job.list",  "job.read",    "test.list",  "test.read",
                                              "run.list",  "run.read",    "key.list",   "node.list",
                                              "node.read", "plugin.list", "plugin.read"};
        const std::vector<std::string> editor{"job.create",  "job.update",  "job.trigger",
                                              "test.create", "test.update", "run.cancel",
                                              "run.rerun",   "key.create",  "key.update"};
        const std::vector<std::string> admin{"job.delete",
                                             "test.delete",
                                             "key.delete",
                                             "user.list",
                                             "user.read",
                                             "user.create",
                                             "user.update",
                                             "session.list",
                                             "session.revoke",
                                             "audit.read",
                                             "node.drain",
                                             "plugin.reload",
                                             "run.prune",
                                             "auth.explain",
                                             "new.thing",
                                             "list",
                                             ""};
        const auto expect = [](const std::vector<std::string>& actions, bool v, bool e) {
            for (const std::string& action : actions) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE("viewer " + action, v, permits(Role::viewer, action));
                CPPUNIT_ASSERT_EQUAL_MESSAGE("editor " + action, e, permits(Role::editor, action));
                CPPUNIT_ASSERT_MESSAGE("admin " + action, permits(Role::admin, action));
                CPPUNIT_ASSERT_MESSAGE("open " + action, !isOpen(action));
            }
        };
        expect(viewer, true, true);
        expect(editor, false, true);
        expect(admin, false, false);
        for (const char* open : {"session.create", "session.read", "session.delete", "setup.create"})
            CPPUNIT_ASSERT_MESSAGE(open, isOpen(open));
        for (const char* role : {"", "Admin", "admin,editor", "root", "admin "})
            CPPUNIT_ASSERT_MESSAGE(role, roleOf(role) == Role::viewer);
        CPPUNIT_ASSERT(roleOf("admin") == Role::admin && roleOf("editor") == Role::editor);
    }
    void emailsAreLowerCasedAndChecked() {
        CPPUNIT_ASSERT_EQUAL(std::string("ann@example.com"), parseEmail(" Ann@Example.COM ").value());
        CPPUNIT_ASSERT_EQUAL(std::string("a+b.c@x"), parseEmail("a+b.c@x").value());
        for (const std::string& bad :
             {std::string(), std::string("a"), std::string("@"), std::string("a@"), std::string("@b"),
              std::string("a b@c"), std::string("a@b@c"), std::string("a@.b"), std::string("a@b."),
              std::string("a@b..c"), std::string("a\n@b"), std::string("<a@b>"), std::string("é@b.c"),
              std::string(250, 'a') + "@b.cd"})
            CPPUNIT_ASSERT_MESSAGE(bad, !parseEmail(bad));
        CPPUNIT_ASSERT_EQUAL(std::string("éa@b"), lowerCase("ÉA@B"));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(FormatsTest);

/// The slow-down of guessing, with the clock moved by hand.
class ThrottleTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ThrottleTest);
    CPPUNIT_TEST(theFifthFailureWaitsAndEachNextOneTwiceAsLong);
    CPPUNIT_TEST(successForgetsTheAccountsFailuresFromThere);
    CPPUNIT_TEST(attemptsAtTheSameTimeCountBeforeTheyEnd);
    CPPUNIT_TEST(anAddressThatTriesManyAccountsWaits);
    CPPUNIT_TEST(theOwnerGetsInFromElsewhere);
    CPPUNIT_TEST(aHotAccountAllowsOneFailurePerAddress);
    CPPUNIT_TEST(oneNetworkOfIpv6IsOneAddress);
    CPPUNIT_TEST(quietNamesAreForgotten);
    CPPUNIT_TEST(memoryIsBounded);
    CPPUNIT_TEST_SUITE_END();

    using seconds = std::chrono::seconds;
    Throttle::Time now{std::chrono::hours(1)};
    Throttle throttle{[this] { return now; }, 300};

    long attempt(const std::string& account, const std::string& address) {
        const long wait = throttle.tryBegin(account, address).count();
        if (wait == 0) throttle.failed(account, address);
        return wait;
    }
    void theFifthFailureWaitsAndEachNextOneTwiceAsLong() {
        for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT_EQUAL(0L, attempt("a", "192.0.2.1"));
        for (long wait : {2, 4, 8, 16, 32, 64}) {
            CPPUNIT_ASSERT_EQUAL(wait, attempt("a", "192.0.2.1"));
            CPPUNIT_ASSERT_EQUAL_MESSAGE("asking again does not lengthen it", wait,
                                         attempt("a", "192.0.2.1"));
            now += seconds(wait);
            CPPUNIT_ASSERT_EQUAL(0L, attempt("a", "192.0.2.1"));
        }
        for (int i = 0; i < 10; ++i) {
            now += seconds(900);
            attempt("a", "192.0.2.1");
        }
        CPPUNIT_ASSERT_EQUAL(900L, attempt("a", "192.0.2.1"));
    }
    void successForgetsTheAccountsFailuresFromThere() {
        for (int i = 0; i < 4; ++i) attempt("a", "192.0.2.1");
        CPPUNIT_ASSERT_EQUAL(0L, long(throttle.tryBegin("a", "192.0.2.1").count()));
        throttle.succeeded("a", "192.0.2.1");
        for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT_EQUAL(0L, attempt("a", "192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(2L, attempt("a", "192.0.2.1"));
    }
    void attemptsAtTheSameTimeCountBeforeTheyEnd() {
        for (int i = 0; i < 5; ++i)
            CPPUNIT_ASSERT_EQUAL(0L, long(throttle.tryBegin("a", "192.0.2.1").count()));
        CPPUNIT_ASSERT(throttle.tryBegin("a", "192.0.2.1").count() > 0);
        throttle.undecided("a", "192.0.2.1");
        CPPUNIT_ASSERT_EQUAL(0L, long(throttle.tryBegin("a", "192.0.2.1").count()));
    }
    void anAddressThatTriesManyAccountsWaits() {
        for (int i = 0; i < 12; ++i) CPPUNIT_ASSERT_EQUAL(0L, attempt("a" + std::to_string(i), "192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(2L, attempt("fresh", "192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(0L, attempt("fresh", "192.0.2.2"));
        now += seconds(2);
        CPPUNIT_ASSERT_EQUAL(0L, long(throttle.tryBegin("mine", "192.0.2.1").count()));
        throttle.succeeded("mine", "192.0.2.1");
        CPPUNIT_ASSERT_EQUAL(0L, attempt("fresh", "192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("a success of one's own buys nothing", 4L,
                                     attempt("fresh", "192.0.2.1"));
    }
    void theOwnerGetsInFromElsewhere() {
        for (int i = 0; i < 100; ++i) {
            attempt("owner", "192.0.2.1");
            now += seconds(1);
        }
        CPPUNIT_ASSERT_EQUAL(0L, long(throttle.tryBegin("owner", "198.51.100.1").count()));
    }
    void aHotAccountAllowsOneFailurePerAddress() {
        for (int i = 0; i < 21; ++i) attempt("owner", "192.0.2." + std::to_string(i));
        CPPUNIT_ASSERT_EQUAL(0L, attempt("owner", "198.51.100.1"));
        CPPUNIT_ASSERT_EQUAL(2L, attempt("owner", "198.51.100.1"));
    }
    void oneNetworkOfIpv6IsOneAddress() {
        for (int i = 0; i < 5; ++i) attempt("a", "2001:db8:1:2::" + std::to_string(i));
        CPPUNIT_ASSERT_EQUAL(2L, attempt("a", "2001:db8:1:2:ffff::1"));
        CPPUNIT_ASSERT_EQUAL(0L, attempt("a", "2001:db8:1:3::1"));
    }
    void quietNamesAreForgotten() {
        for (int i = 0; i < 5; ++i) attempt("a", "192.0.2.1");
        now += seconds(2 + 15 * 60 + 1);
        for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT_EQUAL(0L, attempt("a", "192.0.2.1"));
    }
    void memoryIsBounded() {
        for (int i = 0; i < 5000; ++i)
            attempt("a" + std::to_string(i),
                    "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
        CPPUNIT_ASSERT(throttle.size() <= 300);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ThrottleTest);
