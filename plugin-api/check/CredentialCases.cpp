// Rules 5 and 10: credentials that must never be allowed, and never be logged.
#include "Host.h"

#include <random>

namespace usher::check {

namespace {

const char* const kNames[] = {"Authorization",       "X-Api-Key",      "Cookie",
                              "X-Hub-Signature-256", "X-Gitlab-Token", "webhook-signature"};

/// The value as that header would carry it.
std::string carried(const std::string& name, const std::string& value) {
    if (name == "Authorization") return "Bearer " + value;
    if (name == "Cookie") return "better-auth.session_token=" + value;
    if (name == "X-Hub-Signature-256") return "sha256=" + value;
    if (name == "webhook-signature") return "v1," + value;
    return value;
}

/// Asks; an answer other than ALLOW is fine, no answer is another rule's matter.
void never(Host& host, const Question& question, const std::string& what) {
    const Said said = host.expectAnswer(question);
    require(said.decision != USHER_ALLOW, 5, "it allows a request " + what);
}

void withValue(const Options& options, const std::string& value, const std::string& what) {
    Host host(options, opsOf(options.file));
    host.begin();
    for (const char* name : kNames) {
        never(host, host.question({{name, carried(name, value)}}), what + " in " + name);
        never(host, host.question({{name, value}}), what + " in " + name);
    }
    host.end();
}

void none(const Options& options) {
    Host host(options, opsOf(options.file));
    host.begin();
    never(host, host.question({}), "without any credential");
    Question bare = host.question({});
    bare.headers.clear(), bare.attributes.clear();
    bare.resource.clear();
    never(host, bare, "without any header, attribute or resource");
    host.end();
}

void empty(const Options& options) {
    withValue(options, "", "with an empty credential");
    withValue(options, "   ", "with a blank credential");
}

void oversized(const Options& options) {
    withValue(options, std::string(200'000, 'A'), "with a credential of 200,000 characters");
}

void withNul(const Options& options) {
    withValue(options, std::string("usher\0plugin-check-0123456789", 29), "with a NUL in its credential");
    withValue(options, std::string(64, '\0'), "with a credential of NULs");
}

void malformed(const Options& options) {
    withValue(options, "\xff\xfe\xc3\x28\r\nX: y", "with a credential that is no text");
    withValue(options, "' OR '1'='1", "with SQL in its credential");
    withValue(options, "../../../../etc/passwd", "with a path in its credential");
}

void expired(const Options& options) {
    // {"alg":"none"} and a token that ended in 2001.
    withValue(options, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290IiwiZXhwIjoxMDAwMDAwMDAwfQ.",
              "with an expired, unsigned token");
    Host host(options, opsOf(options.file));
    host.begin();
    for (const auto& field : options.deny)
        never(host, host.question({field}), "with the credential of --deny " + field.first);
    host.end();
}

void otherJob(const Options& options) {
    Host host(options, opsOf(options.file));
    host.begin();
    Question question = host.question({{"Authorization", "Bearer usher-plugin-check-0123456789"}});
    question.resource = "00000000-0000-4000-8000-000000000000"; // what is asked about is not what was loaded
    never(host, question, "for one job with the attributes of another");
    for (const auto& field : options.deny) {
        question.headers = {field};
        never(host, question, "for another job");
    }
    host.end();
}

void duplicated(const Options& options) {
    Host host(options, opsOf(options.file));
    host.begin();
    for (const char* name : kNames)
        never(host,
              host.question({{name, carried(name, "usher-plugin-check-0123456789")},
                             {name, carried(name, "another-one-0123456789")}}),
              "with two different credentials in " + std::string(name));
    for (const auto& [name, value] : options.allow) {
        never(host, host.question({{name, value}, {name, value + "x"}}), "with a good and a bad " + name);
        never(host, host.question({{name, value + "x"}, {name, value}}), "with a bad and a good " + name);
    }
    host.end();
}

void nearMiss(const Options& options) {
    if (options.allow.empty()) throw NotJudged("no --allow FILE was given");
    Host host(options, opsOf(options.file));
    host.begin();
    std::mt19937_64 random(options.seed);
    for (const auto& [name, value] : options.allow) {
        if (value.empty()) continue;
        never(host, host.question({{name, value.substr(0, value.size() - 1)}}),
              "whose credential lacks its last character");
        never(host, host.question({{name, value + "0"}}), "whose credential has a character too many");
        never(host, host.question({{name, value + std::string(1, '\0')}}), "whose credential ends in a NUL");
        const std::size_t secret = value.size() - std::min<std::size_t>(value.size(), 16);
        for (int i = 0; i < 20; ++i) {
            std::string wrong = value;
            const std::size_t at = secret + random() % (value.size() - secret);
            wrong[at] = wrong[at] == 'q' ? 'Q' : 'q';
            never(host, host.question({{name, wrong}}), "whose credential is wrong in one character");
        }
    }
    host.end();
}

void random(const Options& options) {
    Host host(options, opsOf(options.file));
    host.begin();
    std::mt19937_64 random(options.seed);
    for (int i = 0; i < 300; ++i) {
        std::string value(random() % 90, '\0');
        const bool printable = random() % 3 != 0;
        for (char& c : value) c = static_cast<char>(printable ? 0x21 + random() % 94 : random() % 256);
        const std::string name = kNames[random() % std::size(kNames)];
        Question question = host.question({{name, random() % 2 ? carried(name, value) : value}});
        if (random() % 8 == 0) question.action = value;
        if (random() % 8 == 0) question.resource = value;
        if (random() % 8 == 0) question.body = value + value;
        if (random() % 16 == 0) question.attributes.clear();
        const Said said = host.expectAnswer(question);
        require(said.decision != USHER_ALLOW, 5,
                "it allows random request number " + std::to_string(i) + " of --seed " +
                    std::to_string(options.seed));
    }
    host.end();
}

void unlogged(const Options& options) {
    Host host(options, opsOf(options.file));
    host.begin();
    const std::string canary =
        "canary" + std::to_string(options.seed) + "UsherPluginCheckSecret0123456789abcdefABC";
    std::string said;
    for (const char* name : kNames)
        said += host.expectAnswer(host.question({{name, carried(name, canary)}})).texts + "\n";
    for (const auto& field : options.allow) said += host.expectAnswer(host.question({field})).texts + "\n";
    host.end();
    auto check = [&](const std::string& secret) {
        require(host.log().find(secret) == std::string::npos, 10, "it logs the credential that it was given");
        require(said.find(secret) == std::string::npos, 10,
                "its verdict holds the credential that it was given");
    };
    check(canary);
    for (const auto& [name, value] : options.allow)
        if (value.size() >= 16) check(value.substr(value.size() - 16));
}

} // namespace

std::vector<Case> credentialCases() {
    return {{"credentials.none", 5, 30, none},           {"credentials.empty", 5, 60, empty},
            {"credentials.oversized", 5, 60, oversized}, {"credentials.with-nul", 5, 60, withNul},
            {"credentials.malformed", 5, 60, malformed}, {"credentials.expired", 5, 60, expired},
            {"credentials.other-job", 5, 30, otherJob},  {"credentials.duplicated", 5, 60, duplicated},
            {"credentials.near-miss", 5, 60, nearMiss},  {"credentials.random", 5, 120, random},
            {"credentials.unlogged", 10, 60, unlogged}};
}

} // namespace usher::check
