// Rule 7: a plugin is a guest in the daemon's process.
#include "Host.h"
#include "Process.h"

namespace usher::check {

namespace {

void leavesNoTrace(const Options& options) {
    Host host(options, opsOf(options.file));
    const ProcessState before = ProcessState::now();
    host.begin();
    for (int i = 0; i < 20; ++i)
        host.expectAnswer(host.question({{"Authorization", "Bearer usher-plugin-check"}}));
    const ProcessState during = ProcessState::now();
    host.end();
    const ProcessState after = ProcessState::now();
    require(during.signals == before.signals && after.signals == before.signals, 7,
            "it changes the daemon's signals (handlers or mask)");
    require(during.folder == before.folder && after.folder == before.folder, 7,
            "it changes the daemon's working directory or umask");
    require(during.children.empty() && after.children.empty(), 7, "it starts a process: plugins do not fork");
}

} // namespace

std::vector<Case> hygieneCases() {
    return {{"hygiene.leaves-no-trace", 7, 60, leavesNoTrace}};
}

} // namespace usher::check
