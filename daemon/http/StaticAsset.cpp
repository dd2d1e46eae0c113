#include "http/StaticAsset.h"

#include "base/Text.h"

#include <array>

namespace usher {

namespace {

/// A weight in thousandths; 0 also for what is no weight.
int weightOf(std::string_view parameters) {
    for (const std::string& raw : split(parameters, ';')) {
        std::string_view parameter = trim(raw);
        if (parameter.size() < 2 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=')
            continue;
        parameter.remove_prefix(2);
        if (parameter.starts_with('1')) return 1000;
        if (!parameter.starts_with("0.")) return 0;
        int weight = 0, place = 100;
        for (const char digit : parameter.substr(2, 3)) {
            if (digit < '0' || digit > '9') return 0;
            weight += (digit - '0') * place;
            place /= 10;
        }
        return weight;
    }
    return 1000;
}

/// What repeats is one list (RFC 9110, 5.3).
std::string wholeField(const HttpRequest& request, const std::string& wanted) {
    std::string whole;
    for (const auto& [name, value] : request.head)
        if (equalsIgnoreCase(name, wanted)) whole += (whole.empty() ? "" : ", ") + value;
    return whole;
}

std::string_view nameOf(Coding coding) {
    return coding == Coding::brotli ? "br" : coding == Coding::gzip ? "gzip" : "identity";
}

} // namespace

Coding chooseCoding(std::string_view acceptEncoding, const StaticAsset& asset) {
    struct Choice {
        Coding coding;
        bool there;
        int weight;
    };
    // The smallest form first: equal weights keep this order. Who says nothing may be an old program.
    std::array<Choice, 3> choices{{{Coding::brotli, !asset.brotli.empty(), -1},
                                   {Coding::gzip, !asset.gzip.empty(), -1},
                                   {Coding::identity, true, -1}}};
    int others = -1;
    for (const std::string& item : split(acceptEncoding, ',')) {
        const std::size_t semicolon = std::min(item.find(';'), item.size());
        const std::string_view name = trim(std::string_view(item).substr(0, semicolon));
        const int weight = weightOf(std::string_view(item).substr(semicolon));
        if (name == "*") others = weight;
        for (Choice& choice : choices)
            if (equalsIgnoreCase(name, nameOf(choice.coding))) choice.weight = weight;
    }
    Choice best{Coding::identity, true, 0};
    for (Choice& choice : choices) {
        if (choice.weight < 0) choice.weight = others;
        if (choice.there && choice.weight > best.weight) best = choice;
    }
    return best.coding;
}

bool namesTag(std::string_view ifNoneMatch, std::string_view etag) {
    for (const std::string& raw : split(ifNoneMatch, ',')) {
        std::string_view tag = trim(raw);
        if (tag.starts_with("W/")) tag.remove_prefix(2);
        if (tag == "*" || tag == etag) return true;
    }
    return false;
}

Reply staticReply(const StaticAsset& asset, const HttpRequest& request, std::string_view cacheControl) {
    const Coding coding = chooseCoding(wholeField(request, "Accept-Encoding"), asset);
    // Each form is a representation of its own, with a tag of its own.
    std::string etag = '"' + std::string(asset.digest);
    if (coding != Coding::identity) etag += '-' + std::string(nameOf(coding));
    etag += '"';
    Reply reply{200,
                {{"ETag", etag}, {"Cache-Control", std::string(cacheControl)}, {"Vary", "Accept-Encoding"}},
                {},
                false};
    if (namesTag(wholeField(request, "If-None-Match"), etag)) {
        reply.status = 304;
        return reply;
    }
    reply.with("Content-Type", std::string(asset.type));
    if (coding != Coding::identity) reply.with("Content-Encoding", std::string(nameOf(coding)));
    reply.body = coding == Coding::brotli ? asset.brotli
                 : coding == Coding::gzip ? asset.gzip
                                          : asset.identity;
    return reply;
}

} // namespace usher
