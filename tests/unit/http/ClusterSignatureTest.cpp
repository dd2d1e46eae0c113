#include "http/ClusterSignature.h"
#include "support/Fakes.h"

#include <cppunit/extensions/HelperMacros.h>

namespace usher {

class ClusterSignatureTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClusterSignatureTest);
    CPPUNIT_TEST(aSignedRequestCountsOnce);
    CPPUNIT_TEST(whatWasNotSignedIsRefused);
    CPPUNIT_TEST(oldAndFutureRequestsAreRefused);
    CPPUNIT_TEST(aForgottenNonceIsTooOldToCount);
    CPPUNIT_TEST_SUITE_END();

    const std::string _secret = std::string(32, 's'), _path = "/cluster/v1/log?run=1&attempt=2";
    test::FakeClock _clock;
    ClusterVerifier _verifier{_secret, "node-b", _clock};

    ClusterSignature signedNow() const {
        return ClusterSignature::make(_secret, "GET", _path, "node-b", _clock.now());
    }

    void aSignedRequestCountsOnce() {
        const auto said = signedNow();
        CPPUNIT_ASSERT(_verifier.accepts("GET", _path, said));
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, said));
        CPPUNIT_ASSERT(_verifier.accepts("GET", _path, signedNow()));
    }
    void whatWasNotSignedIsRefused() {
        const auto said = signedNow();
        CPPUNIT_ASSERT(!_verifier.accepts("POST", _path, said));
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path + "&test=1", said));
        auto other = said;
        other.time = std::to_string(_clock.now() + 1);
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, other));
        other = said;
        other.nonce[0] = other.nonce[0] == 'a' ? 'b' : 'a';
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, other));
        other = said;
        other.signature.clear();
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, other));
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, {}));
        CPPUNIT_ASSERT(!_verifier.accepts(
            "GET", _path, ClusterSignature::make(_secret, "GET", _path, "node-c", _clock.now())));
        CPPUNIT_ASSERT(!_verifier.accepts(
            "GET", _path,
            ClusterSignature::make(std::string(32, 't'), "GET", _path, "node-b", _clock.now())));
        CPPUNIT_ASSERT(_verifier.accepts("GET", _path, said)); // none of these used it up
    }
    void oldAndFutureRequestsAreRefused() {
        const auto old = signedNow();
        _clock.advance(std::chrono::seconds(61));
        CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, old));
        CPPUNIT_ASSERT(!_verifier.accepts(
            "GET", _path,
            ClusterSignature::make(_secret, "GET", _path, "node-b", _clock.now() + 61'000'000)));
        CPPUNIT_ASSERT(_verifier.accepts(
            "GET", _path,
            ClusterSignature::make(_secret, "GET", _path, "node-b", _clock.now() - 59'000'000)));
    }
    void aForgottenNonceIsTooOldToCount() {
        const auto early = ClusterSignature::make(_secret, "GET", _path, "node-b", _clock.now() + 50'000'000);
        CPPUNIT_ASSERT(_verifier.accepts("GET", _path, early));
        for (int second = 0; second < 200; ++second) {
            _clock.advance(std::chrono::seconds(1));
            _verifier.accepts("GET", _path, signedNow()); // sweeps
            CPPUNIT_ASSERT(!_verifier.accepts("GET", _path, early));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClusterSignatureTest);

} // namespace usher
