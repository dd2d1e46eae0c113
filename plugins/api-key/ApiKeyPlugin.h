#pragma once

#include "KeyRoutes.h"
#include "Verifier.h"

namespace usher::apikey {

/// The flagship plugin: keys in the database, verified on every trigger, managed over HTTP. This class only
/// connects the parts; check() parses, hashes, queues and returns.
class ApiKeyPlugin final : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL | USHER_NONBLOCKING;
    static std::vector<auth::Route> routes() { return KeyRoutes::routes(); }
    static std::string openapiPaths() { return KeyRoutes::openapiPaths(); }
    static std::vector<auth::ConfigKey> configKeys();

    ApiKeyPlugin(auth::Host host, const auth::Config& config);
    ~ApiKeyPlugin() override;

    void start() override;
    void check(auth::Call call, const auth::Request& request) override;
    void settled(usher_call call, const auth::Outcome& outcome) override;
    void stop() override;
    void handle(auth::HttpCall call, const auth::HttpRequest& request) override;
    bool healthy(std::string& reason) override;

private:
    /// Everything that needs the tables: made by start(), after the migrations.
    struct Parts {
        Parts(auth::Host host, plugin::Database& database, const Columns& columns, std::size_t batch,
              std::size_t queue);
        KeyStore keys;
        SpendStore spends;
        UsageStore uses;
        KeyAdminStore admin;
        HardenStore hardening;
        Ledger ledger;
        Verifier verifier;
        Spender spender;
        KeyRoutes endpoints;
    };

    const bool _acceptPlaintext;
    const std::size_t _batch, _queue;
    std::unique_ptr<plugin::Database> _database;
    std::unique_ptr<Parts> _parts;
    bool _running = false;
};

} // namespace usher::apikey
