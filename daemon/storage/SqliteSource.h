#pragma once

#include "storage/SqlSource.h"
#include "storage/SqliteConnection.h"
#include "storage/SqliteTurn.h"

#include <memory>
#include <string>
#include <vector>

namespace usher {

/// The connections to one SQLite file: ONE for writing, used under the writers' turn and BEGIN IMMEDIATE, and
/// some for reading. Opened when first needed, renewed after a failure of the disk. [any-thread]
class SqliteSource final : public SqlSource {
public:
    using Use = std::function<void(SqliteConnection&)>;

    SqliteSource(std::string path, int readers);

    Kind kind() const override { return Kind::sqlite; }
    void read(const Work&) override;
    void write(const Work&) override;

    void read(Instant deadline, const Use&);
    /// BEGIN IMMEDIATE … COMMIT inside the turn; an exception out of `use` rolls back.
    void write(Instant deadline, const Use&);
    /// The same without waiting for the disk: after a power cut it may not have happened, unless a later
    /// write() has; never is it half there. For what is written again or can be missed.
    void writeLazily(Instant deadline, const Use&);

    SqliteTurn& turn() { return _turn; }
    bool healthy(std::string& reason) const;

private:
    void write(Instant deadline, const Use&, bool lazily);
    void transact(Instant deadline, const Use&);
    std::unique_ptr<SqliteConnection> borrow(Instant deadline);
    void giveBack(std::unique_ptr<SqliteConnection>);
    void note(const std::string& problem);

    const std::string _path;
    SqliteTurn _turn;
    std::unique_ptr<SqliteConnection> _writer; ///< touched only by who has the turn

    mutable Mutex _mutex;
    Condition _returned;
    std::vector<std::unique_ptr<SqliteConnection>> _idle GUARDED_BY(_mutex);
    int _mayOpen GUARDED_BY(_mutex);
    std::string _problem GUARDED_BY(_mutex); ///< of the last call, empty when it went well
};

} // namespace usher
