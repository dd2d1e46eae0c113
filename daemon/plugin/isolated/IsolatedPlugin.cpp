#include "plugin/isolated/IsolatedPlugin.h"

#include "base/Text.h"
#include "plugin/PluginInstance.h"
#include "plugin/PluginLoader.h"
#include "plugin/isolated/PluginProcess.h"

#include <usher/ext/health.h>
#include <usher/ext/reload.h>

#include <poll.h>
#include <sys/socket.h>

#include <cstring>

namespace usher {

namespace {

using namespace std::chrono_literals;

PluginProcess* of(void* self) {
    return static_cast<PluginProcess*>(self);
}

usher_status create(const usher_host* host, const usher_field*, size_t, void** self) {
    PluginInstance& instance = *reinterpret_cast<const HostTable*>(host)->instance;
    auto process = std::make_unique<PluginProcess>(instance, host,
                                                   static_cast<const IsolatedPlugin&>(instance.plugin()));
    if (!process->create()) return USHER_FAILED;
    *self = process.release();
    return USHER_OK;
}

usher_status checkHealth(void* self, char* reason, size_t capacity, size_t* length) {
    std::string text;
    if (of(self)->healthy(text)) return USHER_OK;
    *length = std::min(text.size(), capacity);
    std::memcpy(reason, text.data(), *length);
    return USHER_FAILED;
}

usher_status takeConfig(void* self, const usher_field* config, size_t count) {
    return of(self)->reload(config, count);
}

const void* getExtension(void* self, const char* id) {
    static constexpr usher_health health{sizeof(usher_health), 0, &checkHealth};
    static constexpr usher_reload reload{sizeof(usher_reload), 0, &takeConfig};
    if (std::strcmp(id, USHER_EXT_HEALTH) == 0) return &health;
    if (std::strcmp(id, USHER_EXT_RELOAD) == 0) return &reload;
    if (self && std::strcmp(id, USHER_EXT_HTTP_ROUTES) == 0) return of(self)->routes();
    return nullptr;
}

constexpr usher_auth_ops kOps = {
    sizeof(usher_auth_ops),
    USHER_PARALLEL | USHER_NONBLOCKING,
    create,
    [](void* self) -> usher_status { return of(self)->start() ? USHER_OK : USHER_FAILED; },
    [](void* self, usher_call call, const usher_request* request) { of(self)->check(call, request); },
    [](void* self, usher_call call, const usher_outcome* outcome) { of(self)->settled(call, outcome); },
    [](void* self, usher_call call) { of(self)->cancel(call); },
    [](void* self) { of(self)->stop(); },
    [](void* self) { delete of(self); },
    getExtension,
};

/// Asks a helper that lives for this one question.
Greeting describe(const PluginSettings& settings, HelperStarter& starter, int file) {
    const std::string where = "cannot load plugin " + oneLine(settings.path) + ": ";
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw PluginRefused(where + std::strerror(errno));
    Channel channel{UniqueFd(ends[0])};
    UniqueFd theirs(ends[1]);
    struct Helper {
        HelperStarter& starter;
        pid_t pid;
        ~Helper() { starter.end(pid); }
    };
    try {
        const Helper helper{starter,
                            starter.start({settings.name, false, settings.ownUser}, theirs.get(), file)};
        theirs.reset();
        LoadOrder order;
        order.describe = true;
        order.name = settings.name, order.path = settings.path;
        channel.send(toFrame(order));
        std::optional<Greeting> greeting;
        std::string failed;
        const Instant until = std::chrono::steady_clock::now() + 20s;
        auto use = [&](FrameReader& frame) {
            if (frame.type() == FrameType::loaded) greeting = readGreeting(frame);
            if (frame.type() == FrameType::failed) failed = oneLine(frame.text());
        };
        while (!greeting && failed.empty() && std::chrono::steady_clock::now() < until) {
            pollfd waited{channel.descriptor(), POLLIN, 0};
            ::poll(&waited, 1, 100);
            if (!channel.receive(use) && !greeting && failed.empty())
                failed = where + "its process ended while loading it";
        }
        if (greeting) return std::move(*greeting);
        throw PluginRefused(failed.empty() ? where + "its process did not load it within 20 s" : failed);
    } catch (const PluginRefused&) {
        throw;
    } catch (const std::exception& error) {
        throw PluginRefused(where + error.what());
    }
}

} // namespace

IsolatedPlugin::IsolatedPlugin(std::string path, TrustedFile file, PluginNote note, std::string vendor,
                               std::vector<PluginConfigKey> keys, HelperStarter& starter)
    : Plugin(std::move(path), file.identity, std::move(note), std::move(vendor), kOps),
      _file(std::move(file.fd)), _keys(std::move(keys)), _starter(starter) {}

std::shared_ptr<const Plugin> IsolatedPlugin::open(const PluginSettings& settings, HelperStarter& starter) {
    TrustedFile file = openTrusted(settings.path);
    PluginNote note = readPluginNote(file.fd.get(), settings.path);
    checkMinor(note.minorRequired, settings.path);
    Greeting greeting = describe(settings, starter, file.fd.get());
    return std::shared_ptr<const Plugin>(new IsolatedPlugin(settings.path, std::move(file), std::move(note),
                                                            oneLine(greeting.vendor),
                                                            std::move(greeting.keys), starter));
}

} // namespace usher
