#include "CommandFixture.h"

using namespace usher;
using namespace usher::ctl;

/// usherctl node …, against a server that answers what the test wants.
class NodeCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(NodeCommandsTest);
    CPPUNIT_TEST(nodesAreListed);
    CPPUNIT_TEST(aNodeIsDrainedByItsName);
    CPPUNIT_TEST(drainWaitsUntilNothingRuns);
    CPPUNIT_TEST(namesThatAreNotOneNodeAreRefused);
    CPPUNIT_TEST_SUITE_END();

    void signInAmongNodes() {
        signIn();
        server.on("GET /api/nodes",
                  R"({"nodes":[{"id":"n1","name":"alpha","state":"up","running":3,"draining":false},)"
                  R"({"id":"n2","name":"beta","state":"silent","running":0,"draining":false},)"
                  R"({"id":"n3","name":"beta","state":"up","running":0,"draining":false}]})");
    }

    void nodesAreListed() {
        signInAmongNodes();
        CPPUNIT_ASSERT_EQUAL(0, command({"node", "list"}));
        CPPUNIT_ASSERT(person.said("alpha") && person.said("silent"));
    }
    void aNodeIsDrainedByItsName() {
        signInAmongNodes();
        server.on("POST /api/nodes/n1/drain", R"({"success":true,"node":{"id":"n1","running":3}})");
        server.on("POST /api/nodes/n1/undrain", R"({"success":true,"node":{"id":"n1","running":3}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"node", "drain", "alpha"}));
        CPPUNIT_ASSERT(person.said("3 of its runs go on"));
        CPPUNIT_ASSERT_EQUAL(0, command({"node", "undrain", "n1"}));
        CPPUNIT_ASSERT_EQUAL(1, server.count("POST /api/nodes/n1/undrain"));
    }
    void drainWaitsUntilNothingRuns() {
        signInAmongNodes();
        server.on("POST /api/nodes/n1/drain", R"({"success":true,"node":{"id":"n1","running":3}})");
        CPPUNIT_ASSERT_EQUAL(1, command({"node", "drain", "n1", "--wait", "1"}));
        server.on("POST /api/nodes/n3/drain", R"({"success":true,"node":{"id":"n3","running":0}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"node", "drain", "n3", "--wait", "1"}));
        CPPUNIT_ASSERT(person.said("Drained"));
    }
    void namesThatAreNotOneNodeAreRefused() {
        signInAmongNodes();
        CPPUNIT_ASSERT_EQUAL(2, command({"node", "drain", "beta"}));
        CPPUNIT_ASSERT_EQUAL(2, command({"node", "drain", "gamma"}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NodeCommandsTest);
