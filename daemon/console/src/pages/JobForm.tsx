import {useLocation, useRoute} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, JobSettings} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {faultOf} from '../ui/Dialog';
import {Check, Field, Input, Select} from '../ui/Field';
import {Awaited} from '../ui/Awaited';
import {PageHead} from '../ui/Page';
import {Empty, Refusal} from '../ui/States';
import {useToast} from '../ui/Toast';
import {changesOf} from '../ui/changes';
import {DeleteJob} from './Job';
import {Parameters, cleaned, type Draft} from './Parameters';

export function JobForm() {
    const {id} = useRoute().params;
    const loaded = useLoad<{job: Job}>(id ? `/api/jobs/${encodeURIComponent(id)}` : null);
    const mayEdit = useMay('editor');
    if (!mayEdit)
        return (
            <>
                <PageHead title="Settings" />
                <Empty title="Only editors and admins change jobs" />
            </>
        );
    if (!id) return <Form />;
    return (
        <Awaited loaded={loaded} title="Settings" what="the job">
            {({job}) => <Form key={id} job={job} />}
        </Awaited>
    );
}

type Numbers = 'timeoutSeconds' | 'retries' | 'maxConcurrency' | 'queueLimit' | 'parallelism' | 'priority';

const fresh: JobSettings = {
    name: '',
    description: '',
    paused: false,
    maxConcurrency: 1,
    queueLimit: 1000,
    timeoutSeconds: 3600,
    retries: 0,
    onLost: 'fail',
    onBusy: 'queue',
    parallelism: 1,
    priority: 5,
    network: 'none',
    parameters: [],
};

const numbers: [Numbers, string, string, number, number][] = [
    ['timeoutSeconds', 'Time limit', 'Seconds that a run may take', 1, 604_800],
    ['retries', 'Retries', 'So often a run that failed is tried again', 0, 10],
    ['maxConcurrency', 'Runs at once', 'More wait in the queue', 1, 1000],
    ['queueLimit', 'Queue', 'Runs that may wait; more are refused', 1, 1_000_000],
    ['parallelism', 'Tests at once', 'Of one run', 1, 64],
    ['priority', 'Priority', '0 to 9; higher runs go first', 0, 9],
];

type Choices = 'onBusy' | 'onLost' | 'network';

const choices: [Choices, string, [string, string][]][] = [
    ['onBusy', 'Triggered while it is busy', [['queue', 'wait in the queue'], ['coalesce', 'join an equal one'], ['refuse', 'refuse it']]],
    ['onLost', 'When its node is lost', [['fail', 'end the run as lost'], ['rerun', 'run it elsewhere']]],
    ['network', 'Network of the tests', [['full', 'all of it'], ['none', 'none']]],
];

/// Of these fields what stands in the settings.
function pick<F extends keyof JobSettings>(settings: JobSettings, fields: F[]): Pick<JobSettings, F> {
    return Object.fromEntries(fields.map((field) => [field, settings[field]])) as Pick<JobSettings, F>;
}

function Form({job}: {job?: Job}) {
    const {route} = useLocation();
    const say = useToast();
    const mayDelete = useMay('admin');
    const [deleting, setDeleting] = useState(false);
    const begin = job ?? fresh;
    const [name, setName] = useState(begin.name);
    const [description, setDescription] = useState(begin.description);
    const [paused, setPaused] = useState(begin.paused);
    const [amounts, setAmounts] = useState<Record<Numbers, string>>(Object.fromEntries(numbers.map(([field]) => [field, String(begin[field])])) as Record<Numbers, string>);
    const [chosen, setChosen] = useState(pick(begin, choices.map(([field]) => field)));
    const [parameters, setParameters] = useState<Draft[]>(begin.parameters.map((one) => ({name: one.name, required: one.required, default: one.default ?? '', pattern: one.pattern ?? ''})));

    const {run, busy, error} = useAction(async () => {
        const wanted = {name: name.trim(), description, paused, ...chosen, parameters: cleaned(parameters), ...Object.fromEntries(numbers.map(([field]) => [field, Number(amounts[field])]))};
        const body = changesOf<object>(wanted, job && {...job, parameters: cleaned(job.parameters)});
        const answer = job ? await api<{job: Job}>('PATCH', `/api/jobs/${job.id}`, {body}) : await api<{job: Job}>('POST', '/api/jobs', {body});
        say(job ? 'Saved' : `${answer.job.name} is there; now it needs tests`);
        route(job ? to.job(job.id) : to.jobTests(answer.job.id));
    });

    return (
        <>
            <PageHead
                title={job ? 'Settings' : 'New job'}
                crumb={
                    <>
                        <a href={to.jobs}>Jobs</a>
                        {job && (
                            <>
                                {' / '}
                                <a href={to.job(job.id)}>{job.name}</a>
                            </>
                        )}
                    </>
                }
                actions={
                    job &&
                    mayDelete && (
                        <button type="button" class="danger" onClick={() => setDeleting(true)}>
                            Delete job
                        </button>
                    )
                }
            />
            <form
                class="form"
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <fieldset>
                    <legend>Job</legend>
                    <Input label="Name" required maxLength={255} autofocus={!job} value={name} onValue={setName} fault={faultOf(error, 'name')} />
                    <Field label="Description" fault={faultOf(error, 'description')}>
                        {(attributes) => <textarea {...attributes} rows={3} maxLength={10_000} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />}
                    </Field>
                    <Check label="Paused" hint="Triggers are refused with 409 until it is resumed" checked={paused} onValue={setPaused} />
                </fieldset>
                <fieldset>
                    <legend>Parameters</legend>
                    <Parameters value={parameters} onValue={setParameters} />
                </fieldset>
                <fieldset>
                    <legend>How it runs</legend>
                    <div class="pair">
                        {numbers.map(([field, label, hint, min, max]) => (
                            <Input
                                key={field}
                                label={label}
                                hint={hint}
                                type="number"
                                required
                                min={min}
                                max={max}
                                value={amounts[field]}
                                onValue={(value) => setAmounts({...amounts, [field]: value})}
                                fault={faultOf(error, field)}
                            />
                        ))}
                        {choices.map(([field, label, options]) => (
                            <Select key={field} label={label} value={chosen[field]} options={options} onValue={(value) => setChosen({...chosen, [field]: value})} />
                        ))}
                    </div>
                </fieldset>
                <Refusal error={error} />
                <footer>
                    <button type="submit" class="primary" disabled={busy}>
                        {busy ? 'One moment…' : job ? 'Save' : 'Create job'}
                    </button>
                    <a class="button" href={job ? to.job(job.id) : to.jobs}>
                        Cancel
                    </a>
                </footer>
            </form>
            {deleting && <DeleteJob job={job!} onClose={() => setDeleting(false)} />}
        </>
    );
}
