#include "observe/Metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace usher {

Metrics::Metrics()
    : _registry(std::make_shared<prometheus::Registry>()),
      _triggers(prometheus::BuildCounter()
                    .Name("usher_triggers_total")
                    .Help("Answers to POST /api/jobs/{id}/trigger, by outcome")
                    .Register(*_registry)) {}

Metrics::~Metrics() = default;

void Metrics::countTrigger(const std::string& outcome) {
    _triggers.Add({{"outcome", outcome}}).Increment();
}

std::string Metrics::text() const {
    std::vector<prometheus::MetricFamily> families = _registry->Collect();
    std::map<std::string, std::size_t> places;
    for (const Source& source : _sources) {
        for (const Sample& sample : source()) {
            auto [place, fresh] = places.emplace(sample.name, families.size());
            if (fresh) families.push_back({sample.name, sample.help, prometheus::MetricType::Gauge, {}});
            prometheus::ClientMetric metric;
            metric.gauge.value = sample.value;
            for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
            families[place->second].metric.push_back(std::move(metric));
        }
    }
    return prometheus::TextSerializer().Serialize(families);
}

} // namespace usher
