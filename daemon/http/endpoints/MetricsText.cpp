#include "http/endpoints/Endpoints.h"

namespace usher {

void addMetricsRoute(Router& router, Services& services) {
    router.add({"GET", "/metrics", "", [&services](std::shared_ptr<Context> context) {
                    if (!services.gate.originOf(context->request()).loopback) {
                        context->refuse({403,
                                         "Forbidden",
                                         "This address answers only to the machine itself.",
                                         "LOOPBACK_ONLY",
                                         {},
                                         0});
                        return;
                    }
                    // Collecting may ask plugins: not on a worker.
                    services.pool.post([context, &metrics = services.metrics] {
                        context->reply(Reply{200,
                                             {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                                             metrics.text(),
                                             false});
                    });
                }});
}

} // namespace usher
