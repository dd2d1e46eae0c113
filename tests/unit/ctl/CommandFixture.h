#pragma once

#include "CommandLine.h"
#include "FakeServer.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>

namespace usher::ctl {

/// Whole command lines against a server that answers what the test wants.
class CommandFixture : public CppUnit::TestFixture {
protected:
    static constexpr const char* job = "0192f0c1-aaaa-7bbb-8ccc-000000000001";
    static constexpr const char* run = "0192f0c1-aaaa-7bbb-8ccc-00000000000f";
    const std::string jobPath = std::string("/api/jobs/") + job;
    const std::string runPath = std::string("/api/runs/") + run;

    FakeServer server;
    CommandLine person;

    int command(std::vector<std::string> words) {
        words.insert(words.end(), {"--server", server.url()});
        return person.run(std::move(words));
    }
    void signIn() {
        server.on("POST /api/auth/sign-in/email", R"({"token":"ushs_abc","user":{"email":"a@b"}})");
        person.input = "hunter22hunter22\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"sign-in", "--email", "a@b", "--password-stdin"}));
        person.input.clear();
    }
    /// A file below the person's home; its path.
    std::string file(const std::string& name, const std::string& text) {
        std::string path = person.home + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path) << text;
        return path;
    }
};

} // namespace usher::ctl
