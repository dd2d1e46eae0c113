#include "storage/migrations/Migrations.h"

// GET /api/audit?action=… of a rare action read the whole log, newest first, until it had its page.
namespace usher {

const char* const kAuditAction = "CREATE INDEX audit_log_action ON audit_log (action, at, id);";

} // namespace usher
