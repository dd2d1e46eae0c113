import type {RunSummary} from '../api/types';
import {durationText} from './Time';

/// How long the last runs took, oldest first: the row's small plot. A job's page has the large one.
export function Sparkline({runs}: {runs: RunSummary[]}) {
    const took = runs
        .filter((run) => run.durationMs !== null)
        .slice(0, 20)
        .reverse()
        .map((run) => run.durationMs!);
    if (took.length < 2) return <span class="spark" />;
    const most = Math.max(...took, 1);
    const points = took.map((ms, i) => `${((i / (took.length - 1)) * 96 + 2).toFixed(1)},${(24 - (ms / most) * 20).toFixed(1)}`).join(' ');
    const last = took[took.length - 1]!;
    return (
        <svg class="spark" viewBox="0 0 100 28" role="img" aria-label={`Durations of the last ${took.length} runs; the last took ${durationText(last)}`}>
            <polyline points={points} />
        </svg>
    );
}
