#include "plugin/PluginHost.h"

#include "base/Text.h"

#include "plugin/isolated/IsolatedPlugin.h"

#include <usher/ext/config-schema.h>

#include <algorithm>

namespace usher {

namespace {

using namespace std::chrono_literals;

// Whenever the sweeper and the thread that cancels wake up, they are in the way of the calls of that moment.
// So overdue calls are swept together, and nobody wakes up while none is due.
constexpr auto kTick = 25ms;     // between sweeps at least: how late a deadline is noticed
constexpr auto kIdleTick = 50ms; // at most: the same for a call that is due before those known when we slept

std::string checkValue(const PluginConfigKey& key, const std::string& value) {
    switch (key.kind) {
    case USHER_KEY_INTEGER: {
        auto number = parseInteger(value);
        if (number && *number >= key.minimum && *number <= key.maximum) return {};
        return key.name + " must be a whole number from " + std::to_string(key.minimum) + " to " +
               std::to_string(key.maximum);
    }
    case USHER_KEY_BOOLEAN:
        return value == "true" || value == "false" ? std::string() : key.name + " must be true or false";
    case USHER_KEY_FILE:
        return value.empty() ? key.name + " must name a file" : std::string();
    default:
        return {};
    }
}

std::vector<ConfigProblem> checkKeys(const Plugin& plugin, const Fields& config) {
    const std::vector<PluginConfigKey> keys = plugin.configKeys();
    std::vector<ConfigProblem> wrong;
    if (keys.empty()) return wrong;
    for (std::size_t i = 0; i < config.size(); ++i) {
        const auto& field = config[i];
        auto known =
            std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.name == field.first; });
        std::string problem =
            known == keys.end() ? "unknown key " + oneLine(field.first) : checkValue(*known, field.second);
        if (!problem.empty()) wrong.push_back({i, std::move(problem)});
    }
    return wrong;
}

bool onlyConfigDiffers(const PluginSettings& a, const PluginSettings& b) {
    return a.deadline == b.deadline && a.network == b.network && a.ownUser == b.ownUser &&
           a.databaseUrl == b.databaseUrl && a.databasePassword == b.databasePassword;
}

void refuseIfWrong(const PluginSettings& settings, const std::vector<ConfigProblem>& wrong) {
    std::string problems;
    for (const ConfigProblem& problem : wrong) problems += "; " + problem.message;
    if (!problems.empty())
        throw PluginRefused("section [plugins." + settings.name + "]: " + problems.substr(2));
}

} // namespace

/// Where a plugin's instance stands: what the chains and the router hold. The instance in it can be swapped.
class PluginHost::Place final : public Authenticator {
public:
    explicit Place(std::shared_ptr<PluginInstance> instance)
        : routes(instance), _name(instance->name()), _instance(std::move(instance)) {}

    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest> request, Done done) override {
        current()->check(std::move(request), std::move(done));
    }
    std::shared_ptr<PluginInstance> current() {
        Lock lock(_mutex);
        return _instance;
    }
    std::shared_ptr<PluginInstance> swap(std::shared_ptr<PluginInstance> instance) {
        routes.moveTo(instance);
        Lock lock(_mutex);
        _instance.swap(instance);
        return instance;
    }

    PluginRoutes routes;

private:
    const std::string _name;
    Mutex _mutex;
    std::shared_ptr<PluginInstance> _instance GUARDED_BY(_mutex);
};

PluginHost::PluginHost(HostServices& services) : _services(services) {}

PluginHost::~PluginHost() {
    stop();
}

std::shared_ptr<const Plugin> PluginHost::open(const PluginSettings& settings) {
    if (!settings.isolated) return _loader.load(settings.path);
    if (!_services.helpers())
        throw PluginRefused("section [plugins." + settings.name +
                            "]: isolation = process is not possible here: there is no program usher-plugin");
    return IsolatedPlugin::open(settings, *_services.helpers());
}

void PluginHost::adopt(TrustedFile file, const std::string& path) {
    _loader.load(std::move(file), path);
}

std::shared_ptr<PluginInstance> PluginHost::make(PluginSettings settings) {
    std::shared_ptr<const Plugin> plugin = open(settings);
    refuseIfWrong(settings, checkKeys(*plugin, settings.config));
    return PluginInstance::create(std::move(plugin), std::move(settings), _services);
}

std::vector<ConfigProblem> PluginHost::checkConfig(const PluginSettings& settings) {
    return checkKeys(*open(settings), settings.config);
}

void PluginHost::add(PluginSettings settings) {
    if (find(settings.name)) throw PluginRefused("section [plugins." + settings.name + "] is there twice");
    std::shared_ptr<PluginInstance> instance = make(std::move(settings));
    try {
        _places.push_back(std::make_unique<Place>(instance));
    } catch (...) {
        if (!instance->stop(3s)) _clean = false;
        throw;
    }
}

void PluginHost::start() {
    for (auto& place : _places) place->current()->start();
    _sweeper = startQuietThread("plugin-sweeper", [this] { sweep(); });
}

void PluginHost::sweep() {
    Lock lock(_mutex);
    while (!_stopping) {
        lock.unlock();
        const Instant now = std::chrono::steady_clock::now();
        Instant next = now + kIdleTick;
        for (auto& place : _places) next = std::min(next, place->current()->expire(now));
        lock.lock();
        if (!_stopping) _wake.waitUntil(lock, std::max(next, now + kTick));
    }
}

bool PluginHost::reloadInPlace(const std::string& name, const Fields& config) {
    return place(name).current()->reloadInPlace(config);
}

void PluginHost::reload(PluginSettings settings) {
    Place& here = place(settings.name);
    if (settings.isolated != here.current()->plugin().isolated())
        throw PluginRefused("section [plugins." + settings.name +
                            "]: another isolation needs a restart of usherd");
    if (!settings.isolated && settings.path != here.current()->plugin().path)
        throw PluginRefused("section [plugins." + settings.name +
                            "]: another path is new code and needs a restart of usherd");
    const Plugin& plugin = here.current()->plugin();
    if (!settings.isolated || (settings.path == plugin.path && !plugin.differsFromDisk())) {
        refuseIfWrong(settings,
                      settings.isolated ? checkKeys(plugin, settings.config) : checkConfig(settings));
        if (onlyConfigDiffers(settings, here.current()->settings()) &&
            reloadInPlace(here.name(), settings.config))
            return;
    }
    std::shared_ptr<PluginInstance> next = make(std::move(settings));
    try {
        if (PluginRoutes routes(next); routes.routes() != here.routes.routes())
            throw PluginRefused("plugin " + here.name() +
                                ": its routes changed; restart usherd to serve them");
        next->start();
        if (std::string reason; !next->healthy(reason))
            throw PluginRefused("plugin " + here.name() + ": the new instance is not healthy: " + reason);
    } catch (...) {
        if (!next->stop(3s)) _clean = false;
        throw;
    }
    std::shared_ptr<PluginInstance> last = here.swap(std::move(next));
    if (!last->stop(3s)) _clean = false;
}

bool PluginHost::stop(std::chrono::milliseconds limit) {
    for (auto place = _places.rbegin(); place != _places.rend(); ++place)
        if (!(*place)->current()->stop(limit)) _clean = false;
    // Last: deadlines hold until the end.
    {
        Lock lock(_mutex);
        _stopping = true;
        _wake.notifyAll();
    }
    if (_sweeper.joinable()) _sweeper.join();
    return _clean;
}

PluginHost::Place& PluginHost::place(const std::string& name) const {
    for (const auto& place : _places)
        if (place->name() == name) return *place;
    throw PluginRefused("there is no plugin " + oneLine(name));
}

Authenticator* PluginHost::find(const std::string& name) const {
    for (const auto& place : _places)
        if (place->name() == name) return place.get();
    return nullptr;
}

PluginRoutes* PluginHost::routesOf(const std::string& name) const {
    for (const auto& place : _places)
        if (place->name() == name) return &place->routes;
    return nullptr;
}

std::vector<std::string> PluginHost::names() const {
    std::vector<std::string> names;
    for (const auto& place : _places) names.push_back(place->name());
    return names;
}

std::vector<PluginStatus> PluginHost::status() const {
    std::vector<PluginStatus> all;
    for (const auto& place : _places) {
        std::shared_ptr<PluginInstance> instance = place->current();
        PluginStatus status;
        status.name = place->name();
        status.id = instance->plugin().note.id;
        status.version = instance->plugin().note.version;
        status.vendor = instance->plugin().vendor;
        status.path = instance->plugin().path;
        status.healthy = instance->healthy(status.reason);
        status.differsFromDisk = instance->plugin().differsFromDisk();
        status.counters = instance->counters();
        status.metrics = instance->side().metrics();
        status.isolated = instance->plugin().isolated();
        all.push_back(std::move(status));
    }
    return all;
}

} // namespace usher
