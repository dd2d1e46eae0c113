#include "domain/RefusalWords.h"

namespace usher {

RefusalWords refusalWords(int status) {
    switch (status) {
    case 400:
        return {"Bad request", "The request or its credential has no valid form.", "BAD_REQUEST"};
    case 401:
        return {"Unauthorized", "Sign in, or send a credential that this server knows.", "UNAUTHORIZED"};
    case 429:
        return {"Rate limit exceeded", "This credential was used too often. Try again later.",
                "RATE_LIMITED"};
    case 503:
        return {"Authorization unavailable", "The request could not be judged. Try again in a moment.",
                "AUTH_UNAVAILABLE"};
    default:
        return {"Insufficient permissions",
                "This credential may not do this. Use another one, or ask for the permission.", "FORBIDDEN"};
    }
}

} // namespace usher
