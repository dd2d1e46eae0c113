import type {Run} from '../api/types';
import {durationText, timeText} from '../ui/Time';

/// Every step of a run with the time since it was queued.
export function Timeline({run}: {run: Run}) {
    if (run.timeline.length === 0) return null;
    const begin = new Date(run.timeline[0]!.at).getTime();
    return (
        <section class="card" aria-label="Timeline">
            <h2>Timeline</h2>
            <ol class="timeline">
                {run.timeline.map((event, i) => (
                    <li key={i}>
                        <span class="muted small" title={timeText(event.at)}>
                            +{durationText(new Date(event.at).getTime() - begin)}
                        </span>
                        <span>
                            <strong>{event.type}</strong>
                            {run.attempt > 1 && <span class="muted small"> attempt {event.attempt}</span>}
                            {event.detail && <span class="small"> {event.detail}</span>}
                            {event.nodeId && <span class="muted small"> on {event.nodeId.slice(-8)}</span>}
                        </span>
                    </li>
                ))}
            </ol>
        </section>
    );
}
