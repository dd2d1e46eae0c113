import {lazy, useLocation, useRoute} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad, usePages, type Loaded} from '../api/hooks';
import type {Job, RunSummary} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {Awaited} from '../ui/Awaited';
import {Confirm} from '../ui/Dialog';
import {Icon} from '../ui/Icon';
import {PageHead, Tabs} from '../ui/Page';
import {Empty, Listed, Refusal} from '../ui/States';
import {useToast} from '../ui/Toast';
import {Keys} from './Keys';
import {RunRows} from './RunRows';
import {TriggerDialog} from './TriggerDialog';

const Durations = lazy(() => import('../ui/Durations').then((m) => m.Durations)); // brings the plotting library
const JobTests = lazy(() => import('./JobTests').then((m) => m.JobTests));
const Schedules = lazy(() => import('./Schedules').then((m) => m.Schedules));
const Webhooks = lazy(() => import('./Webhooks').then((m) => m.Webhooks));
const Secrets = lazy(() => import('./Secrets').then((m) => m.Secrets));

type JobAnswer = {job: Job};

export function JobPage() {
    const {id = '', tab = ''} = useRoute().params;
    const loaded = useLoad<JobAnswer>(`/api/jobs/${encodeURIComponent(id)}`);
    return (
        <Awaited loaded={loaded} title="Job" crumb={<a href={to.jobs}>Jobs</a>} what="the job">
            {() => <JobView key={id} loaded={loaded} tab={tab} />}
        </Awaited>
    );
}

function JobView({loaded, tab}: {loaded: Loaded<JobAnswer>; tab: string}) {
    const job = loaded.data!.job;
    const mayEdit = useMay('editor');
    const [triggering, setTriggering] = useState(false);
    const say = useToast();
    const pause = useAction(async () => {
        const answer = await api<JobAnswer>('PATCH', `/api/jobs/${job.id}`, {body: {paused: !job.paused}});
        loaded.set(answer);
        say(answer.job.paused ? 'Paused: triggers are refused until it is resumed' : 'Resumed');
    });

    const tabs: [string, string][] = [
        [to.job(job.id), 'Runs'],
        [to.jobTests(job.id), `Tests (${job.testCount})`],
        [to.keys(job.id), 'API keys'],
        [to.schedules(job.id), 'Schedules'],
        [to.webhooks(job.id), 'Webhooks'],
        [to.secrets(job.id), 'Secrets'],
    ];
    const current = tab ? `${to.job(job.id)}/${tab}` : to.job(job.id);
    const actions = mayEdit && (
        <>
            <a class="button" href={to.jobSettings(job.id)}>
                Settings
            </a>
            <button type="button" disabled={pause.busy} onClick={() => void pause.run()}>
                {job.paused ? 'Resume' : 'Pause'}
            </button>
            <button type="button" class="primary" disabled={job.paused || job.testCount === 0} onClick={() => setTriggering(true)}>
                <Icon name="play" />
                Run now
            </button>
        </>
    );
    return (
        <>
            <PageHead title={job.name} crumb={<a href={to.jobs}>Jobs</a>} actions={actions}>
                {job.paused && (
                    <p>
                        <span class="tag warn">paused</span> Triggers are refused until it is resumed.
                    </p>
                )}
                {job.description && <p class="lead">{job.description}</p>}
            </PageHead>
            <Refusal error={pause.error} />
            <Tabs label="Parts of the job" tabs={tabs} current={current} />
            {tab === '' && <JobRuns job={job} />}
            {tab === 'tests' && <JobTests job={job} reload={loaded.reload} />}
            {tab === 'keys' && <Keys job={job} />}
            {tab === 'schedules' && <Schedules job={job} />}
            {tab === 'webhooks' && <Webhooks job={job} />}
            {tab === 'secrets' && <Secrets job={job} />}
            {triggering && <TriggerDialog job={job} onClose={() => setTriggering(false)} />}
        </>
    );
}

function JobRuns({job}: {job: Job}) {
    const pages = usePages<RunSummary>(`/api/runs?jobId=${job.id}&limit=50`, 'runs', 3000);
    return (
        <Listed
            pages={pages}
            what="runs"
            empty={
                <Empty title="This job has not run yet">
                    <p>
                        {job.testCount === 0 ? (
                            <>
                                First it needs <a href={to.jobTests(job.id)}>tests</a>.
                            </>
                        ) : (
                            <>
                                Make an <a href={to.keys(job.id)}>API key</a> and paste its snippet into a pipeline, or press “Run now”.
                            </>
                        )}
                    </p>
                </Empty>
            }
        >
            {(runs) => (
                <>
                    <Durations runs={runs} />
                    <RunRows runs={runs} withoutJob />
                </>
            )}
        </Listed>
    );
}

/// Asked for on the settings page: what goes with a job.
export function DeleteJob({job, onClose}: {job: Job; onClose: () => void}) {
    const {route} = useLocation();
    const say = useToast();
    return (
        <Confirm
            title={`Delete ${job.name}?`}
            verb="Delete job"
            danger
            onClose={onClose}
            action={async () => {
                await api('DELETE', `/api/jobs/${job.id}`);
                say(`${job.name} is deleted`);
                route(to.jobs, true);
            }}
        >
            <p>Its API keys stop working at once, and its runs go with their output and artifacts. Its tests stay. This cannot be taken back.</p>
        </Confirm>
    );
}
