#include "HardenStore.h"

#include "KeyFormat.h"
#include "common/Crypto.h"

namespace usher::apikey {

namespace {

// A row in today's form costs the scan and nothing else; one transaction rewrites few enough for SQLite's
// turn.
constexpr int kRows = 5000, kRewritesAtOnce = 100;

constexpr std::string_view kSome = "SELECT {id}, {key}, coalesce({start}, '') FROM apikey WHERE {id} > $1 "
                                   "ORDER BY {id} LIMIT CAST($2 AS integer)";
// Two rows with one digest would be one key with two settings.
constexpr std::string_view kRewrite = "UPDATE apikey SET {key} = $1 WHERE {id} = $2 AND {key} = $3 "
                                      "AND NOT EXISTS (SELECT 1 FROM apikey o WHERE o.{key} = $1)";

struct Change {
    std::string id, before, after;
    bool hex = false;
};

} // namespace

HardenStore::HardenStore(plugin::Database& database, const Columns& columns)
    : _database(database), _postgres(database.kind() == plugin::Database::Kind::postgres),
      _some(columns.expand(kSome)), _rewrite(columns.expand(kRewrite)) {}

HardenStore::Result HardenStore::harden(plugin::Deadline deadline, const std::string& after) {
    Result result;
    std::vector<Change> changes;
    _database.read(deadline, [&](plugin::Session& session) {
        result = {};
        changes.clear();
        const plugin::Result rows = session.run(_some, {after, std::to_string(kRows)});
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::string &id = rows.text(i, 0), &stored = rows.text(i, 1), &start = rows.text(i, 2);
            if (static_cast<int>(changes.size()) == kRewritesAtOnce) {
                result.next = rows.text(i - 1, 0);
                return;
            }
            if (isStoredForm(stored))
                ++result.unchanged;
            else if (auto digest = isHexForm(stored) ? plugin::fromHex(stored) : std::nullopt)
                changes.push_back({id, stored, plugin::toBase64Url(*digest), true});
            else if (!looksLikeHash(stored) && !start.empty() && stored.size() > start.size() &&
                     stored.starts_with(start))
                changes.push_back({id, stored, storedForm(stored), false});
            else
                result.skipped.push_back(id);
        }
        if (rows.size() == kRows) result.next = rows.text(rows.size() - 1, 0);
    });
    if (changes.empty()) return result;
    const Result seen = result;
    try {
        _database.write(deadline, [&](plugin::Session& session) {
            result = seen;
            if (_postgres) session.script("SET LOCAL lock_timeout = '500ms'");
            for (const Change& change : changes) {
                if (session.run(_rewrite, {change.after, change.id, change.before}).affected() == 1)
                    ++(change.hex ? result.fromHex : result.fromClear);
                else
                    result.skipped.push_back(change.id);
            }
        });
    } catch (...) {
        for (Change& change : changes) plugin::wipe(change.before);
        throw;
    }
    for (Change& change : changes) plugin::wipe(change.before);
    return result;
}

} // namespace usher::apikey
