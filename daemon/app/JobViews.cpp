#include "app/JobViews.h"

namespace usher {

std::vector<JobViews::Seen> JobViews::look(std::span<const std::string> jobIds, Look how, Instant deadline) {
    std::vector<Seen> seen(jobIds.size());
    std::vector<std::string> ids;
    std::vector<std::size_t> asking;
    for (std::size_t i = 0; i < jobIds.size(); ++i) {
        auto found = how == Look::fresh ? _views.end() : _views.find(jobIds[i]);
        if (found != _views.end()) {
            seen[i] = {found->second, false};
            continue;
        }
        ids.push_back(jobIds[i]);
        asking.push_back(i);
    }
    if (ids.empty()) return seen;
    auto views = _store.viewJobs(ids, deadline);
    if (_views.size() > kMaxViews) _views.clear();
    for (std::size_t i = 0; i < asking.size(); ++i) {
        if (views[i])
            _views.insert_or_assign(ids[i], *views[i]);
        else
            _views.erase(ids[i]);
        seen[asking[i]] = {std::move(views[i]), true};
    }
    return seen;
}

} // namespace usher
