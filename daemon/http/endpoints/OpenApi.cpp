#include "http/endpoints/Endpoints.h"

namespace usher {

/// Open to everybody: it says nothing of what is stored here.
void addOpenApiRoute(Router& router, const OpenApiDocument& document) {
    router.add(
        {"GET", "/api/openapi.json", "", [&document](std::shared_ptr<Context> context) {
             context->reply(Reply{200, {{"Content-Type", "application/json"}}, document.text(), false});
         }});
}

} // namespace usher
