#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <chrono>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Nodes over HTTP, on one daemon; what several do together is judged by tests/faults/row28_node_lost.py.
class NodesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NodesTest);
    CPPUNIT_TEST(aDrainedNodeRunsNothingUntilItIsUndrained);
    CPPUNIT_TEST(onlyAdminsDrain);
    CPPUNIT_TEST(aPlannedRestartTakesALongLease);
    CPPUNIT_TEST(aSchemaThatOnlyGrewIsWorkedOn);
    CPPUNIT_TEST_SUITE_END();

    static Json nodeOf(World& world) { return world.admin("GET", "/api/nodes").json()["nodes"][0]; }

    void aDrainedNodeRunsNothingUntilItIsUndrained() {
        World world;
        const std::string job = world.createJob({"true"});
        const auto key = world.createKey(job);
        const std::string path = "/api/nodes/" + nodeOf(world)["id"].get<std::string>();
        Answer answer = world.admin("POST", path + "/drain");
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        CPPUNIT_ASSERT(answer.json()["node"]["draining"].get<bool>());
        CPPUNIT_ASSERT_EQUAL(std::string("draining"), answer.json()["node"]["state"].get<std::string>());
        const std::string run = world.trigger(job, key.key).json()["data"]["runId"];
        // Also one that starts anew stays drained. Nothing can be awaited here but time.
        world.signal(15);
        CPPUNIT_ASSERT_EQUAL(0, world.wait());
        world.start();
        std::this_thread::sleep_for(std::chrono::seconds(2));
        CPPUNIT_ASSERT_EQUAL(std::string("queued"),
                             world.admin("GET", "/api/runs/" + run).json()["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(200, world.admin("POST", path + "/undrain").status);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), world.finished(run)["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(404, world.admin("POST", "/api/nodes/nobody/drain").status);
        CPPUNIT_ASSERT_EQUAL(405, world.admin("GET", path + "/drain").status);
    }
    void onlyAdminsDrain() {
        World world;
        const std::string path = "/api/nodes/" + nodeOf(world)["id"].get<std::string>() + "/drain";
        for (const char* role : {"viewer", "editor"}) {
            const std::string token = world.signInAs(role);
            CPPUNIT_ASSERT_EQUAL(403, world.as(token, "POST", path).status);
            CPPUNIT_ASSERT_EQUAL(200, world.as(token, "GET", "/api/nodes").status);
        }
        CPPUNIT_ASSERT(!nodeOf(world)["draining"].get<bool>());
    }
    void aSchemaThatOnlyGrewIsWorkedOn() {
        World world;
        const std::string job = world.createJob({"true"});
        const auto key = world.createKey(job);
        world.signal(15);
        CPPUNIT_ASSERT_EQUAL(0, world.wait());
        // As a newer usherd leaves it behind that has migrated while this one is still to be upgraded.
        world.sql("ALTER TABLE runs ADD COLUMN of_the_future text");
        world.sql("INSERT INTO usher_migrations VALUES ('daemon', 998, 'of the future', 0)");
        world.sql("INSERT INTO usher_additive_migrations VALUES ('daemon', 998)");
        world.start();
        const std::string run = world.trigger(job, key.key).json()["data"]["runId"];
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), world.finished(run)["status"].get<std::string>());
    }
    void aPlannedRestartTakesALongLease() {
        World world;
        if (!world.postgres()) return; // one node: nobody waits for it
        const std::string job = world.createJob({"sleep 3; exit 5"});
        const auto key = world.createKey(job);
        const std::string run = world.trigger(job, key.key).json()["data"]["runId"];
        for (int i = 0; i < 200 && nodeOf(world)["running"] != 1; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CPPUNIT_ASSERT_EQUAL(std::string("20"), world.sql("SELECT lease_seconds FROM nodes")[0][0]);
        world.signal(15);
        CPPUNIT_ASSERT_EQUAL(0, world.wait());
        CPPUNIT_ASSERT_EQUAL(std::string("120"), world.sql("SELECT lease_seconds FROM nodes")[0][0]);
        world.start();
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), world.finished(run)["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(1, world.admin("GET", "/api/runs/" + run).json()["attempt"].get<int>());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NodesTest);
