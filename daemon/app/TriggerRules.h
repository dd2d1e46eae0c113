#pragma once

#include "app/PendingTrigger.h"

namespace usher {

/// Whether a request that the chain let in may run, in the order of the HTTP contract's table: job gone,
/// paused, without tests, body. Nothing: it may, and its `run` and `made` are filled in, for the revision
/// that was seen. The queue's limits come after this, with the whole batch (QueueGauge).
std::optional<Refusal> judgeTrigger(PendingTrigger& pending, const std::optional<TriggerView>& view,
                                    ParameterRules& rules, Micros now);

/// The job's queue, or all queues together, hold what they may.
Refusal queueFull();
/// The job refuses runs beside the one it has (onBusy).
Refusal jobBusy();

} // namespace usher
