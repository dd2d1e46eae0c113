#include "ApiKeyPlugin.h"

#include "Credential.h"
#include "Judge.h"
#include "KeyFormat.h"
#include "Migrations.h"
#include "common/Crypto.h"
#include "common/Text.h"

namespace usher::apikey {

namespace {

constexpr std::int64_t kConnections = 6, kBatch = 512, kQueue = 10'000;
constexpr std::size_t kLongestPlain = 512;

std::optional<Verb> verbOf(std::string_view action) {
    if (action == "job.trigger") return Verb::trigger;
    if (action == "run.read" || action == "run.list") return Verb::read;
    if (action == "run.cancel") return Verb::cancel;
    return std::nullopt;
}

std::unique_ptr<plugin::Database> open(auth::Host host, const auth::Config& config) {
    if (config.text("database", "shared") != "shared")
        throw auth::ConfigError("the key database has one value: shared, the daemon's own database");
    const auto url = host.secret("database.url");
    if (!url)
        throw auth::ConfigError("there is no database: set `database = shared` in this plugin's section");
    std::string password = host.secret("database.password").value_or("");
    plugin::Turn turn;
    if (host.hasTurn())
        turn = {[host](plugin::Deadline deadline) { return host.acquireTurn(deadline); },
                [host] { host.releaseTurn(); }};
    const auto connections = config.integer("connections", kConnections, 4, 64);
    auto database =
        plugin::openDatabase(*url, password, static_cast<std::size_t>(connections), std::move(turn));
    plugin::wipe(password);
    return database;
}

} // namespace

std::vector<auth::ConfigKey> ApiKeyPlugin::configKeys() {
    return {
        {"database", USHER_KEY_TEXT, "shared", "where the keys are: shared, the daemon's own database"},
        {"accept_plaintext", USHER_KEY_BOOLEAN, "false",
         "also accept keys that another program stored in the clear; each is hashed at its first use"},
        {"connections", USHER_KEY_INTEGER, "6", "connections to the database at most", 4, 64},
        {"batch", USHER_KEY_INTEGER, "512", "checks answered by one query at most", 1, 4096},
        {"queue", USHER_KEY_INTEGER, "10000", "checks that may wait; more are refused with 503", 1,
         1'000'000},
    };
}

ApiKeyPlugin::Parts::Parts(auth::Host host, plugin::Database& database, const Columns& columns,
                           std::size_t batch, std::size_t queue)
    : keys(database, columns), spends(database, columns), uses(database, columns), admin(database, columns),
      hardening(database, columns), verifier(host, keys, spends, batch, queue),
      spender(host, {keys, spends, uses}, ledger, batch,
              [this](Check check) { verifier.submit(std::move(check)); }),
      endpoints(host, admin, hardening) {}

ApiKeyPlugin::ApiKeyPlugin(auth::Host host, const auth::Config& config)
    : Plugin(host), _acceptPlaintext(config.boolean("accept_plaintext", false)),
      _batch(static_cast<std::size_t>(config.integer("batch", kBatch, 1, 4096))),
      _queue(static_cast<std::size_t>(config.integer("queue", kQueue, 1, 1'000'000))),
      _database(open(host, config)) {
    config.expectOnly({"database", "accept_plaintext", "connections", "batch", "queue"});
}

ApiKeyPlugin::~ApiKeyPlugin() {
    stop();
}

void ApiKeyPlugin::start() {
    migrateApiKeys(*_database);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const Columns columns = Columns::detect(*_database, deadline);
    _parts = std::make_unique<Parts>(host(), *_database, columns, _batch, _queue);
    _parts->spender.start();
    _parts->verifier.start(_parts->spender);
    _running = true;
}

void ApiKeyPlugin::stop() {
    if (!_running) return;
    _running = false;
    _parts->verifier.stop();
    _parts->spender.stop();
}

void ApiKeyPlugin::check(auth::Call call, const auth::Request& request) {
    const std::optional<Verb> verb = verbOf(request.action());
    if (!verb) {
        call.complete(auth::Verdict::abstain());
        return;
    }
    const Credential credential = credentialOf(request);
    switch (credential.kind) {
    case Credential::Kind::none:
        call.complete(keyRequired());
        return;
    case Credential::Kind::conflict:
        call.complete(conflictingCredentials());
        return;
    case Credential::Kind::malformed:
        call.complete(invalidFormat());
        return;
    case Credential::Kind::key:
        break;
    }
    Check check{std::move(call), request.deadline(), *verb};
    check.spends = *verb == Verb::trigger;
    check.lists = request.action() == "run.list";
    check.digest = plugin::sha256(credential.key);
    check.stored = plugin::toBase64Url(check.digest);
    if (_acceptPlaintext && credential.key.size() <= kLongestPlain && !looksLikeHash(credential.key))
        check.plain = credential.key;
    const std::string_view job =
        check.spends ? request.resource() : request.attribute("job_id").value_or(std::string_view());
    check.job = plugin::parseUuid(job).value_or("");
    if (!check.spends) check.startedBy = request.attribute("started_by").value_or(std::string_view());
    check.address = request.clientAddress();
    if (!_parts->verifier.submit(std::move(check)))
        host().log(USHER_LOG_WARNING, "too many checks wait: one was refused");
}

void ApiKeyPlugin::settled(usher_call call, const auth::Outcome& outcome) {
    const auto entry = _parts->ledger.take(call);
    if (!entry) return; // reading or cancelling a run costs nothing
    if (outcome.kind == USHER_ACCEPTED) _parts->spender.used(entry->keyId, plugin::nowMicros());
    if (outcome.kind == USHER_ABANDONED && entry->spend != 0)
        _parts->spender.refund(entry->keyId, entry->spend);
}

void ApiKeyPlugin::handle(auth::HttpCall call, const auth::HttpRequest& request) {
    auth::HttpResponse response = _parts->endpoints.handle(request);
    call.respond(response);
    plugin::wipe(response.body); // it may hold a new key
}

bool ApiKeyPlugin::healthy(std::string& reason) {
    if (!_parts) {
        reason = "not started";
        return false;
    }
    if (_parts->verifier.waiting() >= _queue) {
        reason = "too many checks wait for the database";
        return false;
    }
    return _database->healthy(reason);
}

} // namespace usher::apikey

USHER_AUTH_PLUGIN(usher::apikey::ApiKeyPlugin, "api-key", "1.0.0", "The Usher authors")
