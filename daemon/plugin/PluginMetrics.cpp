#include "plugin/PluginMetrics.h"

#include "base/Text.h"
#include "plugin/HostServices.h"

#include <algorithm>
#include <cmath>

namespace usher {

namespace {

constexpr std::size_t kMaxSeries = 100, kMaxLabels = 4, kMaxName = 48, kMaxValue = 64;

bool isName(const std::string& name) {
    return !name.empty() && name.size() <= kMaxName && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool isGood(const PluginMetric& metric) {
    return isName(metric.name) && std::isfinite(metric.value) && (!metric.counter || metric.value >= 0) &&
           metric.labels.size() <= kMaxLabels &&
           std::all_of(metric.labels.begin(), metric.labels.end(), [](const auto& label) {
               return isName(label.first) && label.first != "plugin" && label.second.size() <= kMaxValue &&
                      isUtf8(label.second);
           });
}

} // namespace

usher_status PluginMetrics::change(const PluginMetric& change, HostServices& services) {
    if (!isGood(change)) return USHER_INVALID;
    std::string key = change.name;
    for (const auto& [name, value] : change.labels) key += "\n" + name + "=" + value;
    {
        Lock lock(_mutex);
        auto kind = _kinds.find(change.name);
        if (kind != _kinds.end() && kind->second != change.counter) return USHER_INVALID;
        auto found = _series.find(key);
        if (found == _series.end()) {
            if (_series.size() >= kMaxSeries) return USHER_NO_MEMORY;
            _kinds.emplace(change.name, change.counter);
            _series.emplace(std::move(key), change);
        } else if (change.counter) {
            found->second.value += change.value;
        } else {
            found->second.value = change.value;
        }
    }
    services.metric(change);
    return USHER_OK;
}

std::vector<PluginMetric> PluginMetrics::all() {
    Lock lock(_mutex);
    std::vector<PluginMetric> all;
    for (const auto& [key, metric] : _series) all.push_back(metric);
    return all;
}

} // namespace usher
