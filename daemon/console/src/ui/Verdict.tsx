import type {RunStatus, RunSummary, TestStatus} from '../api/types';
import {to} from '../routes';
import {Icon} from './Icon';
import {durationText, timeText} from './Time';

/// A verdict never speaks by its colour alone.
export function Verdict({status}: {status: RunStatus | TestStatus}) {
    const name = status === 'pending' ? 'queued' : status;
    return (
        <span class={`verdict is-${name}`}>
            <Icon name={name} />
            {status}
        </span>
    );
}

/// The last runs of a job, the newest on the right.
export function Strip({runs}: {runs: RunSummary[]}) {
    return (
        <ol class="strip" aria-label="Last runs, the newest last">
            {runs
                .slice(0, 12)
                .reverse()
                .map((run) => (
                    <li key={run.id}>
                        <a
                            class={`tick is-${run.status}`}
                            href={to.run(run.id)}
                            title={`${run.status}, ${timeText(run.queuedAt)}, ${durationText(run.durationMs)}`}
                            aria-label={`Run ${run.status}, ${timeText(run.queuedAt)}`}
                        >
                            <Icon name={run.status} />
                        </a>
                    </li>
                ))}
        </ol>
    );
}
