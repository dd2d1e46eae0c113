import {useState} from 'preact/hooks';
import {useLoad, usePages} from '../api/hooks';
import type {Job, RunSummary} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {CreateLink} from '../ui/Create';
import {Icon} from '../ui/Icon';
import {ListPage} from '../ui/ListPage';
import {Sparkline} from '../ui/Sparkline';
import {Empty} from '../ui/States';
import {Time} from '../ui/Time';
import {Strip} from '../ui/Verdict';
import {TriggerDialog} from './TriggerDialog';

export function Jobs() {
    const pages = usePages<Job>('/api/jobs?limit=50', 'jobs', 15_000);
    const recent = useLoad<{runs: RunSummary[]}>('/api/runs?limit=200', 5000);
    const mayEdit = useMay('editor');
    const [triggering, setTriggering] = useState<Job | null>(null);
    const create = mayEdit && <CreateLink to={to.newJob}>New job</CreateLink>;
    const empty = (
        <Empty title="No jobs yet">
            <p>A job is an ordered list of tests that a pipeline triggers with a key. {mayEdit ? 'Make the first one, or import a folder of scripts:' : 'An editor or an admin can make one.'}</p>
            {mayEdit && (
                <pre class="inset" tabIndex={0}>
                    usherctl job import ./tests
                </pre>
            )}
            {create}
        </Empty>
    );
    return (
        <>
            <ListPage title="Jobs" what="jobs" kind="jobs" pages={pages} create={create} empty={empty}>
                {(job) => (
                    <JobRow
                        key={job.id}
                        job={job}
                        runs={recent.data ? recent.data.runs.filter((run) => run.jobId === job.id) : null}
                        complete={(recent.data?.runs.length ?? 0) < 200}
                        onTrigger={mayEdit ? () => setTriggering(job) : null}
                    />
                )}
            </ListPage>
            {triggering && <TriggerDialog job={triggering} onClose={() => setTriggering(null)} />}
        </>
    );
}

function JobRow({job, runs, complete, onTrigger}: {job: Job; runs: RunSummary[] | null; complete: boolean; onTrigger: (() => void) | null}) {
    // A job that has not run of late is not among the newest runs: asked for by itself.
    const alone = runs !== null && runs.length === 0 && !complete && job.lastRunAt !== null;
    const own = useLoad<{runs: RunSummary[]}>(alone ? `/api/runs?jobId=${job.id}&limit=20` : null);
    const shown = alone ? (own.data?.runs ?? []) : (runs ?? []);
    return (
        <li>
            <div class="main">
                <a class="name" href={to.job(job.id)}>
                    {job.name}
                </a>
                {job.paused && <span class="tag warn">paused</span>}
                <p class="muted small clip">
                    {job.testCount === 0 ? 'no tests yet' : job.testCount === 1 ? '1 test' : `${job.testCount} tests`}
                    {job.description && ` · ${job.description}`}
                </p>
            </div>
            <div class="recent">{shown.length > 0 ? <Strip runs={shown} /> : <span class="muted small">no runs yet</span>}</div>
            <Sparkline runs={shown} />
            <div class="when small">
                {job.lastRunAt && (
                    <>
                        <span class="muted">last run </span>
                        <Time at={job.lastRunAt} />
                    </>
                )}
            </div>
            <div class="do">
                {onTrigger && (
                    <button type="button" onClick={onTrigger} disabled={job.paused || job.testCount === 0} aria-label={`Run ${job.name} now`}>
                        <Icon name="play" />
                        Run
                    </button>
                )}
            </div>
        </li>
    );
}
