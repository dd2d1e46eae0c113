// Rules 1 and 2: structs of other sizes, missing extensions, bytes that are gone.
#include "Host.h"

#include <thread>

namespace usher::check {

namespace {

/// A whole life with every kind of call in it.
void exercise(Host& host, const Options& options) {
    host.begin();
    std::vector<std::shared_ptr<Call>> calls;
    Fields credential = options.allow;
    credential.emplace_back("Authorization", "Bearer usher-plugin-check");
    for (int i = 0; i < 5; ++i) {
        calls.push_back(host.ask(host.question(options.allow)));
        calls.push_back(host.ask(host.question({{"Authorization", "Bearer usher-plugin-check"}})));
        calls.push_back(host.ask(host.question({})));
    }
    const std::int32_t kinds[] = {USHER_ACCEPTED, USHER_ABANDONED, USHER_UNKNOWN};
    int turn = 0;
    for (const auto& call : calls)
        if (host.await(call).decision == USHER_ALLOW) host.settle(call, kinds[turn++ % 3]);
    host.end();
}

void exact(const Options& options) {
    Host host(options, opsOf(options.file), {.exact = true});
    exercise(host, options);
}

void oversized(const Options& options) {
    Host host(options, opsOf(options.file), {.oversized = true});
    exercise(host, options);
}

void noExtensions(const Options& options) {
    Host host(options, opsOf(options.file), {.extensions = false});
    // It may refuse to work without; it may not crash, and must say why.
    if (!host.create()) {
        require(host.log() != "(it logged nothing)", 10, "create() fails without a word in the log");
        return;
    }
    if (host.start()) {
        host.askAndAwait(host.question({{"Authorization", "Bearer usher-plugin-check"}}));
        host.stop();
    }
    host.destroy();
}

void gone(const Options& options) {
    Host host(options, opsOf(options.file), {.takeAway = true});
    exercise(host, options);
}

} // namespace

std::vector<Case> structCases() {
    return {{"structs.nothing-behind", 1, 30, exact},
            {"structs.longer", 1, 30, oversized},
            {"structs.no-extensions", 1, 30, noExtensions},
            {"memory.request-is-gone", 2, 30, gone}};
}

} // namespace usher::check
