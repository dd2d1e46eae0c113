#include "storage/PostgresDatabase.h"

namespace usher {

namespace {

// Every hot statement goes by an index, whatever the statistics say: a plan that was made while a table was
// small would otherwise scan it when it has grown, until somebody analyses it.
constexpr char kHotSettings[] =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; "
    "SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan;";
constexpr char kPing[] = "SELECT 1";

} // namespace

PostgresDatabase::PostgresDatabase(const PgTarget& target, int connections, std::span<const Migration> steps)
    : _hot(target, kHotSettings, (connections + 1) / 2), _cold(target, "", connections / 2),
      _migrator(_cold, steps), _jobs(_cold), _triggers(_hot), _runs(_hot, _cold),
      _nodes(_cold,
             [this](Instant deadline) {
                 _hot.with(deadline,
                           [&](PgConnection& connection) { connection.run(PgCommand{kPing}, deadline); });
             }),
      _secrets(_cold), _schedules(_cold), _webhooks(_cold), _retention(_cold) {}

} // namespace usher
