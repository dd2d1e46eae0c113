#pragma once

#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace usher::test {

/// Triggers over HTTP, on the database that the environment names. All suites share one daemon, which lives
/// until the program ends.
class TriggerFixture : public CppUnit::TestFixture {
public:
    /// The daemon may have closed a connection that lay idle while other suites ran.
    void setUp() override { world().reconnect(); }

protected:
    static World& world();
    /// A refusal in the words of the contract, with the fields that belong to its status.
    static void expect(const Answer& answer, int status, const std::string& title, const std::string& code);
    static std::size_t runsOf(const std::string& job);
};

} // namespace usher::test
