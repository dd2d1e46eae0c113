#include "Rules.h"

#include "common/Text.h"

#include "usher/auth.hpp"

#include <algorithm>
#include <initializer_list>

namespace usher::oidc {

namespace {

using auth::ConfigError;
using plugin::Json;

constexpr std::size_t kMaxIssuers = 16;

/// Claims that say whose pipeline it is: without one of them a rule would let in everybody's.
constexpr const char* kWhose[] = {"sub",           "repository",   "repository_id", "repository_owner",
                                  "project_id",    "project_path", "namespace_id",  "repository_owner_id",
                                  "namespace_path"};

const Json& field(const Json& object, const char* name, const std::string& where) {
    const auto found = object.find(name);
    if (found == object.end()) throw ConfigError(where + ": " + name + " is missing");
    return *found;
}

void expectOnly(const Json& object, std::initializer_list<const char*> known, const std::string& where) {
    if (!object.is_object()) throw ConfigError(where + " must be an object");
    for (const auto& [name, value] : object.items())
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw ConfigError(where + ": unknown field " + name);
}

const Json& array(const Json& value, const std::string& where) {
    if (!value.is_array() || value.empty())
        throw ConfigError(where + " must be a list, and not an empty one");
    return value;
}

std::string text(const Json& value, const std::string& where) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty())
        throw ConfigError(where + " must be a text");
    return value.get<std::string>();
}

/// One, or a list of them.
std::vector<Json> oneOrMore(const Json& value, const std::string& where) {
    if (!value.is_array()) return {value};
    const Json& list = array(value, where);
    return {list.begin(), list.end()};
}

ClaimRule readClaim(const std::string& name, const Json& value, const std::string& where) {
    ClaimRule claim{name, oneOrMore(value, where)};
    for (const Json& one : claim.values)
        if (!one.is_string() && !one.is_boolean() && !one.is_number_integer())
            throw ConfigError(where + ": claim " + name + " must be a text, a whole number, true or false");
    return claim;
}

/// Every value names somebody: a text that does not begin with a wildcard.
bool saysWhose(const ClaimRule& claim) {
    return std::find(std::begin(kWhose), std::end(kWhose), claim.name) != std::end(kWhose) &&
           std::all_of(claim.values.begin(), claim.values.end(), [](const Json& value) {
               return !value.is_string() || (value != "" && value.get_ref<const std::string&>()[0] != '*');
           });
}

Rule readRule(const Json& json, const std::string& where) {
    expectOnly(json, {"jobs", "claims"}, where);
    Rule rule;
    for (const Json& job : array(field(json, "jobs", where), where + ": jobs")) {
        const auto id = plugin::parseUuid(text(job, where + ": a job"));
        if (!id) throw ConfigError(where + ": a job is named by its id");
        rule.jobs.push_back(*id);
    }
    const Json& claims = field(json, "claims", where);
    if (!claims.is_object()) throw ConfigError(where + ": claims must be an object");
    for (const auto& [name, value] : claims.items()) rule.claims.push_back(readClaim(name, value, where));
    if (std::none_of(rule.claims.begin(), rule.claims.end(), saysWhose))
        throw ConfigError(where + ": claims must say whose pipeline it is: repository, project_path, sub or "
                                  "the like, not beginning with *; else everybody's would be let in");
    return rule;
}

Issuer readIssuer(const Json& json, const std::string& where) {
    expectOnly(json, {"issuer", "audience", "jwksUri", "rules"}, where);
    Issuer issuer;
    issuer.id = text(field(json, "issuer", where), where + ": issuer");
    if (!isGoodUrl(issuer.id)) throw ConfigError(where + ": issuer must be an https URL");
    for (const Json& one : oneOrMore(field(json, "audience", where), where + ": audience"))
        issuer.audiences.push_back(text(one, where + ": audience"));
    if (const auto uri = json.find("jwksUri"); uri != json.end()) {
        issuer.jwksUri = text(*uri, where + ": jwksUri");
        if (!isGoodUrl(issuer.jwksUri)) throw ConfigError(where + ": jwksUri must be an https URL");
    }
    int number = 0;
    for (const Json& rule : array(field(json, "rules", where), where + ": rules"))
        issuer.rules.push_back(readRule(rule, where + ", rule " + std::to_string(++number)));
    return issuer;
}

} // namespace

bool globMatches(std::string_view pattern, std::string_view text) {
    // reach[j]: the pattern so far matches the first j characters of the text.
    std::vector<char> reach(text.size() + 1, 0);
    reach[0] = 1;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '*') {
            for (std::size_t j = text.size(); j > 0; --j)
                reach[j] = reach[j - 1] && text[j - 1] == pattern[i];
            reach[0] = 0;
            continue;
        }
        const bool all = i + 1 < pattern.size() && pattern[i + 1] == '*';
        if (all) ++i;
        for (std::size_t j = 1; j <= text.size(); ++j)
            reach[j] = reach[j] || (reach[j - 1] && (all || text[j - 1] != '/'));
    }
    return reach[text.size()];
}

bool ClaimRule::matches(const Json& claims) const {
    const auto claim = claims.find(name);
    if (claim == claims.end()) return false;
    return std::any_of(values.begin(), values.end(), [&](const Json& value) {
        if (value.is_string() && claim->is_string())
            return globMatches(value.get_ref<const std::string&>(), claim->get_ref<const std::string&>());
        return value.type() == claim->type() && value == *claim;
    });
}

bool Issuer::mayTrigger(const std::string& job, const Json& claims) const {
    return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
        return std::find(rule.jobs.begin(), rule.jobs.end(), job) != rule.jobs.end() &&
               std::all_of(rule.claims.begin(), rule.claims.end(),
                           [&](const ClaimRule& claim) { return claim.matches(claims); });
    });
}

bool isGoodUrl(const std::string& url) {
    if (url.size() > 512 || url.find_first_of("@?#\\ \t\r\n") != std::string::npos) return false;
    if (url.rfind("https://", 0) == 0) return url.size() > 8 && url[8] != '/';
    for (const char* own : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
        if (url.rfind(own, 0) == 0) {
            const char next = url.c_str()[std::string_view(own).size()];
            return next == ':' || next == '/' || next == '\0';
        }
    return false;
}

std::vector<Issuer> readRules(std::string_view content) {
    const auto parsed = plugin::parseJson(content);
    if (const auto* error = std::get_if<plugin::JsonError>(&parsed))
        throw ConfigError("rules_file: " + error->message);
    const Json& json = std::get<Json>(parsed);
    expectOnly(json, {"issuers"}, "rules_file");
    std::vector<Issuer> issuers;
    for (const Json& one : array(field(json, "issuers", "rules_file"), "rules_file: issuers")) {
        const std::string where = "rules_file: issuer " + std::to_string(issuers.size() + 1);
        Issuer issuer = readIssuer(one, where);
        for (const Issuer& other : issuers)
            if (other.id == issuer.id) throw ConfigError(where + " stands there twice");
        issuers.push_back(std::move(issuer));
    }
    if (issuers.size() > kMaxIssuers) throw ConfigError("rules_file: more than 16 issuers");
    return issuers;
}

} // namespace usher::oidc
