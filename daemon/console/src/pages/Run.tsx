import {useLocation, useRoute} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction} from '../api/hooks';
import {hasEnded, type Run} from '../api/types';
import {LogView} from '../log/LogView';
import {to} from '../routes';
import {useMay} from '../session';
import {Icon} from '../ui/Icon';
import {PageHead} from '../ui/Page';
import {Loading, Refusal, Trouble} from '../ui/States';
import {Time, durationText, useNow} from '../ui/Time';
import {Verdict} from '../ui/Verdict';
import {Artifacts} from './Artifacts';
import {RunTests} from './RunTests';
import {Timeline} from './Timeline';
import {useRun} from './useRun';

const bad = ['failed', 'error', 'timeout'];

export function RunPage() {
    const {id = ''} = useRoute().params;
    return <RunView key={id} id={id} />;
}

function RunView({id}: {id: string}) {
    const {run, error, model, trouble, loading, reload} = useRun(id);
    const [only, setOnly] = useState<number | null>(null);
    if (!run)
        return (
            <>
                <PageHead title="Run" crumb={<a href={to.runs}>Runs</a>} />
                {error ? <Trouble error={error} retry={reload} /> : <Loading what="the run" />}
            </>
        );
    const live = !hasEnded(run.status);
    const failed = new Set(run.tests.filter((test) => bad.includes(test.status)).map((test) => test.position));
    return (
        <>
            <RunHead run={run} />
            {trouble && (
                <p class="notice" role="status">
                    <strong>{trouble.title}.</strong> {trouble.code === 'UNREACHABLE' ? 'The connection is gone; trying again…' : trouble.message}
                </p>
            )}
            {run.errorDetails && <p class="refusal">{run.errorDetails}</p>}
            <div class="run-body">
                <div class="run-side">
                    <RunTests run={run} only={only} onOnly={setOnly} />
                    <Artifacts run={run} />
                    <Timeline run={run} />
                </div>
                <LogView model={model} live={live} failed={failed} only={only} loading={loading} downloadUrl={`/api/runs/${run.id}/log${only === null ? '' : `?test=${only}`}`} />
            </div>
        </>
    );
}

function Elapsed({run}: {run: Run}) {
    const now = useNow(1000);
    if (run.durationMs !== null) return <>{durationText(run.durationMs)}</>;
    if (!run.startedAt) return <>–</>;
    return <>{durationText(Math.max(0, Math.floor((now - new Date(run.startedAt).getTime()) / 1000) * 1000))}</>;
}

const started: Record<string, string> = {remote: 'with the key', manual: 'by hand by', rerun: 'again by', schedule: 'by the schedule'};

function RunHead({run}: {run: Run}) {
    const mayRun = useMay('editor');
    const {route} = useLocation();
    const cancel = useAction(async () => void (await api('POST', `/api/runs/${run.id}/cancel`, {body: {}})));
    const again = useAction(async () => {
        const answer = await api<{data: {runId: string}}>('POST', `/api/runs/${run.id}/rerun`, {body: {}});
        route(to.run(answer.data.runId));
    });
    const live = !hasEnded(run.status);
    const actions =
        mayRun &&
        (live ? (
            <button type="button" class="danger" disabled={cancel.busy || run.cancelRequested} onClick={() => void cancel.run()}>
                {run.cancelRequested ? 'Being cancelled…' : 'Cancel'}
            </button>
        ) : (
            <button type="button" disabled={again.busy} onClick={() => void again.run()}>
                <Icon name="play" />
                Run again
            </button>
        ));
    const parameters = Object.entries(run.parameters);
    return (
        <>
            <PageHead
                title={run.jobName}
                crumb={
                    <>
                        <a href={to.runs}>Runs</a> / <a href={to.job(run.jobId)}>{run.jobName}</a>
                    </>
                }
                actions={actions}
            >
                <div class="facts">
                    <Verdict status={run.status} />
                    <span>
                        <Elapsed run={run} />
                    </span>
                    <span>
                        started {started[run.trigger] ?? run.trigger} <strong>{run.triggeredBy}</strong>, <Time at={run.queuedAt} />
                    </span>
                    {run.attempt > 1 && <span class="tag">attempt {run.attempt}</span>}
                    {run.exitCode !== null && <span class="muted">exit code {run.exitCode}</span>}
                    {run.signal !== null && <span class="muted">signal {run.signal}</span>}
                    {run.sandbox && <span class="muted">sandbox {run.sandbox}</span>}
                    <span class="muted mono small">{run.id}</span>
                </div>
                {parameters.length > 0 && (
                    <p class="facts mono small">
                        {parameters.map(([name, value]) => (
                            <span key={name}>
                                {name}={value}
                            </span>
                        ))}
                    </p>
                )}
            </PageHead>
            <Refusal error={cancel.error ?? again.error} />
        </>
    );
}
