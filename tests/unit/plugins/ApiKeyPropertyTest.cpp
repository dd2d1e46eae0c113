#include "ApiKeyFixture.h"

#include <array>
#include <cstdio>
#include <random>

using namespace usher::test;

/// Whatever is written into a key's fields comes back to the letter or is refused; whatever stands in its row
/// lets in exactly whom it names. The seed is fixed, so that a failure repeats.
class ApiKeyPropertyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyPropertyTest);
    CPPUNIT_TEST(networksHoldExactlyTheirAddresses);
    CPPUNIT_TEST(brokenNetworksAreRefusedAndMatchNobody);
    CPPUNIT_TEST(namesComeBackToTheLetter);
    CPPUNIT_TEST(damagedPermissionsAllowNothingNew);
    CPPUNIT_TEST(metadataComesBackToTheLetter);
    CPPUNIT_TEST_SUITE_END();

    std::mt19937 _random{20260131};

    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(_random);
    }

    using Address = std::array<unsigned char, 16>;

    static std::string four(const Address& a) {
        return std::to_string(a[12]) + "." + std::to_string(a[13]) + "." + std::to_string(a[14]) + "." +
               std::to_string(a[15]);
    }
    static std::string six(const Address& a) {
        std::string text;
        for (int i = 0; i < 16; i += 2) {
            char group[8];
            std::snprintf(group, sizeof group, "%s%x", i ? ":" : "", a[i] << 8 | a[i + 1]);
            text += group;
        }
        return text;
    }
    /// Bit by bit: not how the plugin does it.
    static bool holds(const Address& network, int bits, const Address& address) {
        for (int bit = 0; bit < bits; ++bit)
            if (((network[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8)) & 1) return false;
        return true;
    }
    static bool allows(ApiKeyWorld& world, FakePluginHost& node, const std::string& key,
                       const std::string& list, const std::string& address) {
        world.set("k1", "allowed_addresses = '" + list + "'");
        Question question = triggerBy(key);
        question.peerAddress = address;
        return node.askAndSettle(question, USHER_ACCEPTED).decision == USHER_ALLOW;
    }

    void networksHoldExactlyTheirAddresses() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        int in = 0;
        for (int round = 0; round < 400; ++round) {
            Address network{};
            const bool isFour = below(2) == 0;
            for (std::size_t i = isFour ? 12 : 0; i < 16; ++i)
                network[i] = static_cast<unsigned char>(below(256));
            if (isFour) network[10] = network[11] = 0xFF;
            if (!isFour) network[0] = 0x20; // not by chance a mapped one
            const int bits = static_cast<int>(isFour ? 96 + below(33) : below(129));
            Address client = network;
            // Differs in one bit, or in none: next to the border, where mistakes are.
            const std::size_t around = isFour ? 96 + below(32) : below(128);
            if (below(4) != 0) client[around / 8] ^= static_cast<unsigned char>(0x80 >> around % 8);
            const std::string list = !isFour         ? six(network) + "/" + std::to_string(bits)
                                     : below(2) == 0 ? four(network) + "/" + std::to_string(bits - 96)
                                                     : "::ffff:" + four(network) + "/" + std::to_string(bits);
            const bool clientIsFour = holds({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96, client);
            const std::string from = clientIsFour && below(2) == 0 ? four(client)
                                     : clientIsFour                ? "::ffff:" + four(client)
                                                                   : six(client);
            const bool expected = holds(network, bits, client);
            in += expected;
            CPPUNIT_ASSERT_EQUAL_MESSAGE(from + " in " + list, expected,
                                         allows(world, *node, key, "[\"192.0.2.1\",\"" + list + "\"]", from));
        }
        CPPUNIT_ASSERT_MESSAGE("both happen", in > 80 && in < 320);
    }
    void brokenNetworksAreRefusedAndMatchNobody() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        for (const char* broken : {"10.0.0.0/33",
                                   "10.0.0.0/-1",
                                   "10.0.0.0/",
                                   "10.0.0.0/8 ",
                                   "10.0.0.0/0x8",
                                   "10.0.0.0/08/8",
                                   "10.0.0/8",
                                   "10.0.0.256",
                                   "010.0.0.1.1",
                                   "::/129",
                                   ":::",
                                   "1::2::3",
                                   "::1/ 64",
                                   "fe80::1%eth0",
                                   "localhost",
                                   "*",
                                   "/",
                                   "",
                                   " ",
                                   "10.0.0.0/99999999999999999999"}) {
            const Response response = node->request(
                "POST", keysPath(), Json{{"name", "n"}, {"allowedAddresses", {std::string(broken)}}}.dump());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(broken, 400, response.status);
            CPPUNIT_ASSERT_MESSAGE(
                broken, !allows(world, *node, key, "[\"" + std::string(broken) + "\"]", "10.0.0.1"));
        }
        for (const char* list :
             {"[]", "[7]", "[null]", "[[\"10.0.0.1\"]]", "{\"a\":\"10.0.0.1\"}", "[\"10.0.0.1\""})
            CPPUNIT_ASSERT_MESSAGE(list, !allows(world, *node, key, list, "10.0.0.1"));
        CPPUNIT_ASSERT(!allows(world, *node, key, "10.0.0.0/8", "nonsense"));
        CPPUNIT_ASSERT(allows(world, *node, key, "192.0.2.1, 10.0.0.0/8", "10.0.0.1"));
    }
    void namesComeBackToTheLetter() {
        onEachDatabase([this](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string id = created(*node, R"({"name":"first"})")["id"];
            const std::vector<std::string> pieces{"a",  "Z",  "0",  " ",  "\t",     "\n",   "'",
                                                  "\"", "\\", ";",  "--", "%",      "$1",   "{key}",
                                                  "é",  "ß",  "漢", "😀",  "\u202e", "\x7f", "\x01"};
            auto isBlank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
            for (int round = 0; round < 150; ++round) {
                const std::size_t length = below(2) == 0 ? below(6) : 95 + below(10);
                std::string name;
                for (std::size_t i = 0; i < length; ++i) name += pieces[below(pieces.size())];
                std::string trimmed = name;
                while (!trimmed.empty() && isBlank(trimmed.back())) trimmed.pop_back();
                while (!trimmed.empty() && isBlank(trimmed.front())) trimmed.erase(0, 1);
                std::size_t points = 0;
                for (const char c : trimmed) points += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                const Response response =
                    node->request("PATCH", keysPath() + "/" + id, Json{{"name", name}}.dump());
                const bool fits = points >= 1 && points <= 100;
                CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body + name, fits ? 200 : 400, response.status);
                if (!fits) continue;
                CPPUNIT_ASSERT_EQUAL(trimmed, json(response)["apiKey"]["name"].get<std::string>());
                CPPUNIT_ASSERT_EQUAL(trimmed, world.value("SELECT name FROM apikey"));
            }
        });
    }
    void damagedPermissionsAllowNothingNew() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        const std::string whole = R"({"jobs":["trigger:)" + kJob + R"("]})",
                          wanted = "\"trigger:" + kJob + "\"";
        const std::string bytes = "{}[]\":,\\ 0aAtz*-\x01";
        for (int round = 0; round < 400; ++round) {
            std::string text = whole;
            const std::size_t at = below(text.size());
            switch (below(4)) {
            case 0:
                text.erase(at, 1 + below(3));
                break;
            case 1:
                text.insert(at, 1, bytes[below(bytes.size())]);
                break;
            case 2:
                text[at] = bytes[below(bytes.size())];
                break;
            default:
                text.resize(at);
            }
            world.set("k1", "permissions = '" + text + "'");
            const bool allowed = node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision == USHER_ALLOW;
            // Only white space between the tokens, or nothing, may have changed.
            std::string bare = text;
            std::erase(bare, ' ');
            CPPUNIT_ASSERT_MESSAGE(text,
                                   !allowed || (bare == whole && text.find(wanted) != std::string::npos));
            if (text == whole) CPPUNIT_ASSERT(allowed);
        }
    }
    void metadataComesBackToTheLetter() {
        onEachDatabase([this](ApiKeyWorld& world) {
            auto node = world.node();
            for (int round = 0; round < 40; ++round) {
                Json metadata = Json::object();
                for (std::size_t i = below(8); i > 0; --i) {
                    Json value =
                        below(2) == 0 ? Json("é'\"\\;😀" + std::to_string(below(99))) : Json(below(1000));
                    if (below(3) == 0) value = Json{{"deep", Json::array({value, nullptr, true})}};
                    metadata["k" + std::to_string(below(20))] = value;
                }
                if (round % 10 == 9) metadata["long"] = std::string(4096, 'x');
                execute(world.url, "DELETE FROM apikey");
                const Response response =
                    node->request("POST", keysPath(), Json{{"name", "n"}, {"metadata", metadata}}.dump());
                CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, round % 10 == 9 ? 400 : 201, response.status);
                if (response.status != 201) continue;
                CPPUNIT_ASSERT((std::get<Json>(usher::plugin::parseJson(
                                    world.value("SELECT metadata FROM apikey"))) == metadata));
            }
        });
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyPropertyTest);
