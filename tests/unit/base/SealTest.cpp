#include "base/Seal.h"

#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

class SealTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SealTest);
    CPPUNIT_TEST(whatWasSealedOpens);
    CPPUNIT_TEST(nothingElseOpens);
    CPPUNIT_TEST(aKnownAnswerOpens);
    CPPUNIT_TEST_SUITE_END();

    const std::string _key = std::string(32, 'k');

    void whatWasSealedOpens() {
        for (std::size_t size : {0, 1, 16, 1000}) {
            const std::string plain(size, 'x');
            const std::string sealed = seal(_key, plain, "row");
            CPPUNIT_ASSERT_EQUAL(size + 28, sealed.size());
            CPPUNIT_ASSERT_EQUAL(plain, unseal(_key, sealed, "row").value());
            CPPUNIT_ASSERT(seal(_key, plain, "row") != sealed); // never one nonce twice
        }
    }

    void nothingElseOpens() {
        const std::string sealed = seal(_key, "value", "row");
        CPPUNIT_ASSERT(!unseal(_key, sealed, "another row"));
        CPPUNIT_ASSERT(!unseal(std::string(32, 'l'), sealed, "row"));
        for (std::size_t i = 0; i < sealed.size(); ++i) {
            std::string changed = sealed;
            changed[i] = static_cast<char>(changed[i] ^ 1);
            CPPUNIT_ASSERT(!unseal(_key, changed, "row"));
        }
        CPPUNIT_ASSERT(!unseal(_key, sealed.substr(0, 20), "row"));
        CPPUNIT_ASSERT_THROW(seal("short", "value", "row"), std::runtime_error);
    }

    void aKnownAnswerOpens() { // test case 15 of the GCM submission, without associated data
        const std::string key = *fromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        const std::string sealed =
            *fromHex("cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1a"
                     "a8cb08e48590"
                     "dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c");
        CPPUNIT_ASSERT_EQUAL(
            std::string(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
                "49a6b525b16aedf5aa0de657ba637b391aafd255"),
            toHex(unseal(key, sealed, "").value()));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SealTest);
