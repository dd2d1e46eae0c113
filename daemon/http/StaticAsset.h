#pragma once

#include "http/Exchange.h"

#include <span>
#include <string>
#include <string_view>

namespace usher {

/// A file that is compiled in, in every form in which it is sent. Points into the program itself: never
/// freed.
struct StaticAsset {
    std::string_view path;     ///< "/assets/index-B1x.js"; pages have names of files: "/index.html"
    std::string_view type;     ///< Content-Type
    std::string_view digest;   ///< of the content, for the ETag
    std::string_view identity; ///< as it is
    std::string_view gzip;     ///< empty: not worth it
    std::string_view brotli;   ///< empty: not worth it
};

/// What the web console consists of; empty when it was built without (USHER_CONSOLE=OFF). In a source file
/// that daemon/console/embed.mjs writes.
std::span<const StaticAsset> consoleAssets();

enum class Coding { identity, gzip, brotli };

/// The best coding that both sides have (RFC 9110, 12.5.3): the highest weight, and among equals the smallest
/// form. A client that refuses all of them gets the asset as it is.
Coding chooseCoding(std::string_view acceptEncoding, const StaticAsset& asset);

/// True when one of the tags of an If-None-Match field is `etag` (weak comparison), or it is "*".
bool namesTag(std::string_view ifNoneMatch, std::string_view etag);

/// The asset as this request wants it: 200, or 304 when the client has it. `cacheControl` goes out with both.
Reply staticReply(const StaticAsset& asset, const HttpRequest& request, std::string_view cacheControl);

} // namespace usher
