#include "http/StaticAsset.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

/// The console's own addresses: each is the same page, which looks at the address itself. Nothing else is: a
/// wrong address is 404. src/routes.ts has the same list.
constexpr const char* kPages[] = {"/",
                                  "/sign-in",
                                  "/setup",
                                  "/jobs",
                                  "/jobs/new",
                                  "/jobs/{id}",
                                  "/jobs/{id}/keys",
                                  "/jobs/{id}/tests",
                                  "/jobs/{id}/schedules",
                                  "/jobs/{id}/webhooks",
                                  "/jobs/{id}/secrets",
                                  "/jobs/{id}/settings",
                                  "/tests",
                                  "/tests/new",
                                  "/tests/{id}",
                                  "/runs",
                                  "/runs/{id}",
                                  "/users",
                                  "/sessions",
                                  "/nodes",
                                  "/plugins",
                                  "/audit"};

/// Everything comes from here, and nothing is written into the page. An artifact's images are ours too.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const StaticAsset* find(std::span<const StaticAsset> assets, std::string_view path) {
    for (const StaticAsset& asset : assets)
        if (asset.path == path) return &asset;
    return nullptr;
}

void addPage(Router& router, const char* pattern, const StaticAsset& page) {
    router.add({.method = "GET",
                .pattern = pattern,
                .handler =
                    [&page](std::shared_ptr<Context> context) {
                        Reply reply = staticReply(page, context->request(), "no-cache");
                        reply.with("Content-Security-Policy", kPolicy)
                            .with("Referrer-Policy", "same-origin")
                            .with("X-Frame-Options", "DENY")
                            .with("Cross-Origin-Opener-Policy", "same-origin");
                        context->reply(std::move(reply));
                    },
                .page = true});
}

} // namespace

void addConsoleRoutes(Router& router, std::span<const StaticAsset> assets) {
    const StaticAsset* console = find(assets, "/index.html");
    const StaticAsset* docs = find(assets, "/docs.html");
    if (!console || !docs) return;
    for (const char* pattern : kPages) addPage(router, pattern, *console);
    addPage(router, "/api/docs", *docs);
    for (const StaticAsset& asset : assets) {
        if (&asset == console || &asset == docs) continue;
        // The name of what the build made holds a digest of it; what lies beside has a fixed name.
        const bool named = asset.path.starts_with("/assets/");
        router.add({.method = "GET",
                    .pattern = std::string(asset.path),
                    .handler =
                        [&asset, named](std::shared_ptr<Context> context) {
                            context->reply(
                                staticReply(asset, context->request(),
                                            named ? "public, max-age=31536000, immutable" : "no-cache"));
                        },
                    .page = true});
    }
}

} // namespace usher
