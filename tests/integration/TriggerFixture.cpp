#include "TriggerFixture.h"

#include <memory>

namespace usher::test {

World& TriggerFixture::world() {
    static const auto world = std::make_unique<World>();
    return *world;
}

void TriggerFixture::expect(const Answer& answer, int status, const std::string& title,
                            const std::string& code) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, status, answer.status);
    Json body = answer.json();
    CPPUNIT_ASSERT_EQUAL(title, body.at("error").get<std::string>());
    CPPUNIT_ASSERT_EQUAL(code, body.at("code").get<std::string>());
    CPPUNIT_ASSERT(!body.at("message").get<std::string>().empty());
    CPPUNIT_ASSERT_EQUAL(answer.field("x-request-id"), body.at("requestId").get<std::string>());
    if (status == 401) CPPUNIT_ASSERT(answer.field("www-authenticate").starts_with("Bearer"));
    if (status == 429 || status == 503) CPPUNIT_ASSERT(!answer.field("retry-after").empty());
}

std::size_t TriggerFixture::runsOf(const std::string& job) {
    return world().admin("GET", "/api/runs?limit=200&jobId=" + job).json().at("runs").size();
}

} // namespace usher::test
