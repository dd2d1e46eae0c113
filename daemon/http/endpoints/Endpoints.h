#pragma once

#include "app/JobSecrets.h"
#include "app/Retention.h"
#include "app/RunFeed.h"
#include "app/RunScheduler.h"
#include "app/TriggerJob.h"
#include "domain/Executor.h"
#include "domain/JobStore.h"
#include "domain/ScheduleStore.h"
#include "domain/WebhookSender.h"
#include "domain/WebhookStore.h"
#include "http/OpenApiDocument.h"
#include "http/Router.h"
#include "http/StaticAsset.h"
#include "observe/Health.h"
#include "observe/Metrics.h"

namespace usher {

/// What endpoints stand on. References to parts that main owns and that outlive the listener.
struct Services {
    JobStore& jobs;
    RunStore& runs;
    NodeStore& nodes;
    RunFiles& files;
    TriggerJob& triggers;
    RunScheduler& scheduler;
    RunFeed& feed;
    QueueGauge& gauge;
    Gate& gate;
    Timers& timers;
    BlockingPool& pool;
    AuditLog& audit;
    Health& health;
    Metrics& metrics;
    const Clock& clock;
    JobSecrets& secrets;
    ScheduleStore& schedules;
    WebhookStore& webhooks;
    WebhookSender& webhookSender;
    Retention& retention;
    std::vector<std::string> testTypes; ///< the interpreters that are configured
};

// One function a file: each adds its lines to the route table. `services` outlives the router.
void addTriggerRoutes(Router& router, Services& services);
void addTriggerGuideRoutes(Router& router, Services& services);
void addJobRoutes(Router& router, Services& services);
void addTestRoutes(Router& router, Services& services);
void addSecretRoutes(Router& router, Services& services);
void addScheduleRoutes(Router& router, Services& services);
void addWebhookRoutes(Router& router, Services& services);
void addRunRoutes(Router& router, Services& services);
void addPruneRoute(Router& router, Services& services);
void addRunLogRoutes(Router& router, Services& services);
void addRunEventRoutes(Router& router, Services& services);
void addArtifactRoutes(Router& router, Services& services);
void addAuditRoutes(Router& router, Services& services);
void addOperationRoutes(Router& router, Services& services);
void addNodeRoutes(Router& router, Services& services);
void addMetricsRoute(Router& router, Services& services);
/// `document` outlives the router and changes no more once the listener has started.
void addOpenApiRoute(Router& router, const OpenApiDocument& document);
/// The web console's pages and files, and /api/docs; nothing when there are no assets. `assets` outlive the
/// router.
void addConsoleRoutes(Router& router, std::span<const StaticAsset> assets);

/// The id in the path, or 400 with the words of the contract; nothing when it was refused.
std::optional<std::string> jobIdOf(Context& context);
std::optional<std::string> testIdOf(Context& context);
std::optional<std::string> runIdOf(Context& context);
Refusal invalidJobId();
/// Two who change one thing at once: what each named stays. `round` reads, merges what the body names and
/// writes; false when another has written in between, and it is called again, with what is there by then.
void untilWritten(const std::function<bool()>& round);
/// `limit` and `cursor` of a list, or 400. `serial`: the list's rows have numbers for ids.
std::optional<PageRequest> pageOf(Context& context, bool serial = false);
/// Loader for actions on a run: job_id and started_by.
Router::Loader runAttributes(Services& services);
/// One record of a change that was carried out, or, with the code of its refusal, that was not.
void auditChange(Services& services, const Context& context, const std::string& action,
                 const std::string& resource, const std::string& detail = {}, const std::string& code = {});

} // namespace usher
