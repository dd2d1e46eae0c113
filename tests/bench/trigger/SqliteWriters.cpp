#include "SqliteWriters.h"

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

namespace bench {

namespace {

using Steady = std::chrono::steady_clock;

constexpr char insert[] = "INSERT INTO runs (id, job_id, \"trigger\", triggered_by, principal_id, revision, "
                          "parameters, priority, queued_at) "
                          "VALUES (?1, ?2, 'remote', 'bench', 'api-key:bench', 1, '{}', 5, ?3)";

void must(sqlite3* database, int code, const char* what) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
        throw std::runtime_error(std::string(what) + ": " + sqlite3_errmsg(database));
}

/// Version 7, like the daemon's: new rows land at the end of the index.
std::string newId(std::mt19937_64& random) {
    auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
    char text[37];
    std::uint64_t a = random(), b = random();
    std::snprintf(text, sizeof text, "%08llx-%04llx-7%03llx-8%03llx-%012llx",
                  static_cast<unsigned long long>(milliseconds >> 16),
                  static_cast<unsigned long long>(milliseconds & 0xffff),
                  static_cast<unsigned long long>(a & 0xfff), static_cast<unsigned long long>(a >> 52),
                  static_cast<unsigned long long>(b & 0xffffffffffffULL));
    return text;
}

struct Writer {
    std::uint64_t rows = 0, busy = 0;
    Histogram latency;

    void run(const std::string& file, Steady::time_point end, const std::vector<std::string>& jobIds,
             unsigned seed) {
        sqlite3* database = nullptr;
        must(database,
             sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr),
             "open");
        sqlite3_busy_timeout(database, 5000);
        must(database,
             sqlite3_exec(database,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", nullptr,
                          nullptr, nullptr),
             "pragma");
        sqlite3_stmt *begin, *row, *commit;
        must(database, sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, nullptr), "prepare");
        must(database, sqlite3_prepare_v2(database, insert, -1, &row, nullptr), "prepare");
        must(database, sqlite3_prepare_v2(database, "COMMIT", -1, &commit, nullptr), "prepare");
        std::mt19937_64 random(seed);
        while (Steady::now() < end) {
            auto start = Steady::now();
            int code = sqlite3_step(begin);
            sqlite3_reset(begin);
            if (code == SQLITE_BUSY) {
                ++busy;
                continue;
            }
            must(database, code, "begin");
            std::string id = newId(random);
            const std::string& job = jobIds[random() % jobIds.size()];
            sqlite3_bind_text(row, 1, id.c_str(), -1, SQLITE_TRANSIENT);
            sqlite3_bind_text(row, 2, job.c_str(), -1, SQLITE_TRANSIENT);
            sqlite3_bind_int64(row, 3,
                               std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
            must(database, sqlite3_step(row), "insert");
            sqlite3_reset(row);
            must(database, sqlite3_step(commit), "commit");
            sqlite3_reset(commit);
            latency.record(
                std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - start).count());
            ++rows;
        }
        sqlite3_finalize(begin);
        sqlite3_finalize(row);
        sqlite3_finalize(commit);
        sqlite3_close(database);
    }
};

} // namespace

SqliteResult runSqliteWriters(const std::string& file, int writers, double seconds,
                              const std::vector<std::string>& jobIds) {
    SqliteResult result;
    std::mutex mutex;
    std::string failure;
    auto end =
        Steady::now() + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds));
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i)
        threads.emplace_back([&, i] {
            Writer writer;
            std::string wrong;
            try {
                writer.run(file, end, jobIds, static_cast<unsigned>(i + 1));
            } catch (const std::exception& e) {
                wrong = e.what();
            }
            std::lock_guard lock(mutex);
            if (!wrong.empty()) failure = wrong;
            result.rows += writer.rows;
            result.busy += writer.busy;
            result.latency.add(writer.latency);
        });
    for (std::thread& thread : threads) thread.join();
    if (!failure.empty()) throw std::runtime_error(failure);
    result.seconds = seconds;
    return result;
}

} // namespace bench
