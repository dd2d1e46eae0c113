import type {RunSummary} from '../api/types';
import {to} from '../routes';
import {Time, durationText} from '../ui/Time';
import {Verdict} from '../ui/Verdict';

const how: Record<string, string> = {remote: 'key', manual: 'by hand', rerun: 'again', schedule: 'schedule'};

/// What a parameter was given, in short.
function given(run: RunSummary): string {
    return Object.entries(run.parameters)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ');
}

export function RunRows({runs, withoutJob}: {runs: RunSummary[]; withoutJob?: boolean}) {
    return (
        <div class="table-box">
            <table class="runs">
                <thead>
                    <tr>
                        <th scope="col">Verdict</th>
                        <th scope="col">{withoutJob ? 'Run' : 'Job'}</th>
                        <th scope="col">Started by</th>
                        <th scope="col">Queued</th>
                        <th scope="col" class="right">
                            Took
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {runs.map((run) => (
                        <tr key={run.id}>
                            <td>
                                <Verdict status={run.status} />
                            </td>
                            <td>
                                <a class="name" href={to.run(run.id)}>
                                    {withoutJob ? run.id.slice(-8) : run.jobName}
                                </a>
                                {run.attempt > 1 && <span class="tag">attempt {run.attempt}</span>}
                                {given(run) && <p class="muted small clip mono">{given(run)}</p>}
                            </td>
                            <td>
                                <span class="clip">{run.triggeredBy}</span> <span class="muted small">{how[run.trigger] ?? run.trigger}</span>
                            </td>
                            <td>
                                <Time at={run.queuedAt} />
                            </td>
                            <td class="right">{durationText(run.durationMs)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
