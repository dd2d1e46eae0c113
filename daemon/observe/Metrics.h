#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Registry;
template <class T>
class Family;
class Counter;
} // namespace prometheus

namespace usher {

/// What /metrics shows, in the Prometheus text format. Counters are counted where things happen; everything
/// that can be asked for is asked when somebody looks. count() [any-thread]; the sources must be [any-thread]
/// too.
class Metrics {
public:
    struct Sample {
        std::string name; ///< usher_…
        std::string help;
        std::map<std::string, std::string> labels;
        double value = 0;
    };
    using Source = std::function<std::vector<Sample>()>;

    Metrics();
    ~Metrics();

    /// One answer to a trigger: "accepted", "replayed" or the code of the refusal.
    void countTrigger(const std::string& outcome);
    /// Asked at each look for gauges. Before the listener starts.
    void addSource(Source source) { _sources.push_back(std::move(source)); }
    std::string text() const;

private:
    std::shared_ptr<prometheus::Registry> _registry; ///< shared: the library's collectors hold it so
    prometheus::Family<prometheus::Counter>& _triggers;
    std::vector<Source> _sources;
};

} // namespace usher
