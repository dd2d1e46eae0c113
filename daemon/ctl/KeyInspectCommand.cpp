// key inspect: what can be said of a key without asking anybody.
#include "base/Digest.h"
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"

#include <Poco/Checksum.h>

#include <algorithm>
#include <cctype>

namespace usher::ctl {

namespace {

constexpr std::size_t kShortest = 10, kStart = 8, kChecksum = 6;

bool isAll(std::string_view text, int (*is)(int)) {
    return std::all_of(text.begin(), text.end(), [is](unsigned char c) { return is(c) != 0; });
}
bool isLowerHex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Base62 of the CRC-32 of what stands before; a scanner for leaked secrets computes the same.
std::string checksumOf(std::string_view rest) {
    constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    Poco::Checksum crc(Poco::Checksum::TYPE_CRC32);
    crc.update(rest.data(), static_cast<unsigned int>(rest.size()));
    std::uint32_t value = crc.checksum();
    std::string out(kChecksum, '0');
    for (std::size_t i = kChecksum; i-- > 0; value /= 62) out[i] = digits[value % 62];
    return out;
}

struct Finding {
    std::string format;
    std::string checksum = "none"; ///< right, wrong, or none
    bool lookedUp = true;          ///< false: usherd refuses it without looking
};

Finding find(std::string_view key) {
    const bool word = key.starts_with("job_") && isAll(key.substr(4), std::isalnum);
    if (key.size() < kShortest) return {"malformed: shorter than 10 characters", "none", false};
    if (!isAll(key, [](int c) { return static_cast<int>(c >= 0x20 && c < 0x7F); }))
        return {"malformed: not printable ASCII", "none", false};
    if (word && key.size() == 64) {
        const bool right = key.substr(64 - kChecksum) == checksumOf(key.substr(0, 64 - kChecksum));
        return {"job_ + 54 letters and digits + checksum", right ? "right" : "wrong"};
    }
    if (key.starts_with("job_") && key.size() == 36 && isLowerHex(key.substr(4)))
        return {"job_ + 32 hex digits (older)"};
    if (key.starts_with("sck_trigger_") && key.size() == 44 && isLowerHex(key.substr(12)))
        return {"sck_trigger_ + 32 hex digits (older)"};
    const bool hash = (key.size() == 64 && isAll(key, std::isxdigit)) ||
                      (key.size() == 43 && isAll(key, [](int c) {
                           return static_cast<int>(std::isalnum(c) != 0 || c == '-' || c == '_');
                       }));
    if (hash) return {"a digest, as a database stores it: not a key"};
    if (key.size() >= 64 && isAll(key.substr(key.size() - 64), std::isalpha))
        return {key.size() == 64 ? "64 letters (of another program)"
                                 : "a prefix + 64 letters (of another program)"};
    return {"unknown"};
}

int inspect(Context& context) {
    std::string line;
    if (auto file = context.find("key-file")) {
        line = Context::secretFromFile(*file, "API key");
    } else if (context.io().inIsTerminal) {
        std::optional<std::string> typed = context.io().askSecret("API key: ");
        if (!typed || typed->empty()) throw UsageError("no API key", "give --key-file FILE");
        line = *typed;
    } else {
        line = context.secretFromInput("API key");
    }
    const std::string_view key = trim(line);
    const Finding finding = find(key);
    // Of a key that is hardly longer than its start, the start would be the key.
    const bool shows = finding.lookedUp && key.size() >= 2 * kStart;
    const std::string start = shows ? std::string(key.substr(0, kStart)) : "";
    const std::string digest = finding.lookedUp ? toBase64Url(sha256(key)) : "";
    Json answer{{"format", finding.format}, {"length", key.size()}, {"checksum", finding.checksum}};
    answer["start"] = start.empty() ? Json(nullptr) : Json(start);
    answer["digest"] = digest.empty() ? Json(nullptr) : Json(digest);
    std::string text = "Format    " + finding.format + "\nLength    " + std::to_string(key.size()) +
                       "\nChecksum  " + finding.checksum + "\n";
    if (shows) text += "Start     " + start + "\n";
    text += finding.lookedUp ? "Digest    " + digest + "\n" : "Nothing is looked up: usherd refuses it.\n";
    if (finding.checksum == "wrong") text += "It was not copied whole, or nobody ever made it.\n";
    context.print(answer, text);
    return finding.lookedUp && finding.checksum != "wrong" ? 0 : 1;
}

} // namespace

void addKeyInspectCommand(std::vector<Command>& commands) {
    commands.push_back(
        {"key inspect",
         "",
         "what a key is, without asking the server",
         0,
         0,
         {{"key-file", "FILE", "read the key from this file (default: standard input)"}},
         "Prints the key's format, whether its checksum is right, and what usherd would look up: the start\n"
         "that `key list` shows and the digest that the database holds. The key is sent nowhere and never\n"
         "printed. Exit code 1: this cannot be a key.\n\n"
         "Examples\n"
         "  usherctl key inspect --key-file ci.key\n"
         "  pass show ci/usher | usherctl key inspect --json",
         inspect});
}

} // namespace usher::ctl
