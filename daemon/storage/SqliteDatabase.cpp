#include "storage/SqliteDatabase.h"

namespace usher {

SqliteDatabase::SqliteDatabase(const std::string& path, int readers, std::span<const Migration> steps)
    : _source(path, readers), _migrator(path, _source.turn(), steps), _jobs(_source), _triggers(_source),
      _runs(_source), _nodes(_source,
                             [this](Instant deadline) {
                                 _source.read(deadline, [](SqliteConnection& connection) {
                                     connection.statement("SELECT count(*) FROM sqlite_master").step();
                                 });
                             }),
      _secrets(_source), _schedules(_source), _webhooks(_source), _retention(_source) {}

} // namespace usher
