#include "http/Gate.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

namespace {

class NoAuthenticator final : public Authenticator {
public:
    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest>, Done) override {}

private:
    const std::string _name = "nobody";
};

class NoNodes final : public NodeStore {
public:
    void registerNode(const Node&) override {}
    void beat(const std::string&, Micros, int) override {}
    bool setDraining(const std::string&, bool) override { return false; }
    std::vector<Node> listNodes() override { return {}; }
    void appendAudit(const std::vector<AuditRecord>&) override {}
    Page<AuditEntry> listAudit(const AuditFilter&) override { return {}; }
    bool pruneAudit(Micros, int) override { return false; }
    SetupChange replaceSetupToken(const std::string&, const std::string&, Micros) override {
        return SetupChange::noTable;
    }
    void ping(Instant) override {}
};

} // namespace

class GateTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(GateTest);
    CPPUNIT_TEST(clientsAreToldWhereWeAre);
    CPPUNIT_TEST_SUITE_END();

    NoAuthenticator nobody;
    NoNodes nodes;
    SystemClock clock;
    GuessThrottle throttle{{}};
    Timers timers;
    AuditLog audit{nodes, clock, Poco::Logger::get("gate-test")};

    /// What clients are told when the listener has got this port.
    std::string told(Gate::Settings settings, int port) {
        Gate gate(std::move(settings), nobody, nobody, nobody, throttle, timers, audit);
        gate.setPort(port);
        return gate.baseUrl();
    }

    void clientsAreToldWhereWeAre() {
        CPPUNIT_ASSERT_EQUAL(std::string("http://127.0.0.1:8321"), told({{}, "", 8321}, 8321));
        // Any free one, or the service manager's socket.
        CPPUNIT_ASSERT_EQUAL(std::string("http://127.0.0.1:4711"), told({{}, "", 0}, 4711));
        CPPUNIT_ASSERT_EQUAL(std::string("https://127.0.0.1:443"), told({{}, "", 8321, true}, 443));
        CPPUNIT_ASSERT_EQUAL(std::string("https://usher.example.org"),
                             told({{}, "https://usher.example.org", 8321}, 8321));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(GateTest);
