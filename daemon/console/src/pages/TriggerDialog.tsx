import {useLocation} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, Plugin, RunSummary} from '../api/types';
import {hasEnded} from '../api/types';
import {to} from '../routes';
import {Snippet} from '../ui/Copy';
import {Dialog, FormDialog, faultOf} from '../ui/Dialog';
import {Input} from '../ui/Field';
import {Answered, Refusal} from '../ui/States';
import {Time} from '../ui/Time';

/// Runs a job now. Whether a session is enough is the server's configuration ([auth] trigger); where it is not, a key of
/// the job is asked for, used for this one request, and forgotten.
export function TriggerDialog({job, onClose}: {job: Job; onClose: () => void}) {
    const loaded = useLoad<{plugins: Plugin[]}>('/api/plugins');
    if (!loaded.data)
        return (
            <Dialog title={`Run ${job.name}`} onClose={onClose}>
                <div class="body">
                    <Answered loaded={loaded} what="the settings">
                        {() => null}
                    </Answered>
                </div>
            </Dialog>
        );
    const session = loaded.data.plugins.find((one) => one.name === 'session');
    const answers = (chain: string) => session?.chains.includes(chain) ?? false;
    return <Form job={job} onClose={onClose} needsKey={!answers('trigger')} mayRepeat={answers('run')} />;
}

function Form({job, onClose, needsKey, mayRepeat}: {job: Job; onClose: () => void; needsKey: boolean; mayRepeat: boolean}) {
    const {route} = useLocation();
    const [values, setValues] = useState<Record<string, string>>({});
    const [key, setKey] = useState('');
    const begun = (runId: string) => {
        onClose();
        route(to.run(runId));
    };
    const trigger = async () => {
        const parameters = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
        const body = Object.keys(parameters).length > 0 ? {parameters} : {};
        const headers: Record<string, string> = needsKey ? {Authorization: `Bearer ${key.trim()}`} : {};
        const answer = await api<{data: {runId: string}}>('POST', `/api/jobs/${job.id}/trigger`, {body, headers, ownCredential: true});
        begun(answer.data.runId);
    };
    return (
        <FormDialog title={`Run ${job.name}`} verb="Run now" action={trigger} onClose={onClose}>
            {(error) => (
                <>
                    {job.parameters.length === 0 && !needsKey && <p>The job's {job.testCount === 1 ? 'test runs' : `${job.testCount} tests run`} as they stand now.</p>}
                    {job.parameters.map((parameter) => (
                        <Input
                            key={parameter.name}
                            label={parameter.name}
                            class="mono"
                            required={parameter.required && !parameter.default}
                            placeholder={parameter.default ?? ''}
                            hint={hintOf(parameter)}
                            value={values[parameter.name] ?? ''}
                            onValue={(value) => setValues({...values, [parameter.name]: value})}
                            fault={faultOf(error, `parameters.${parameter.name}`)}
                        />
                    ))}
                    {needsKey && (
                        <>
                            <p>On this server a run is started with an API key of its job; being signed in is not enough.</p>
                            <Input
                                label="API key"
                                type="password"
                                class="mono"
                                autocomplete="off"
                                placeholder="job_…"
                                required
                                hint={
                                    <>
                                        Used for this one run, not kept. None at hand?{' '}
                                        <a href={to.keys(job.id)} onClick={onClose}>
                                            Make one for this job
                                        </a>
                                        .
                                    </>
                                }
                                value={key}
                                onValue={setKey}
                            />
                            {mayRepeat && <Repeat job={job} onBegun={begun} />}
                            <details>
                                <summary>Let people who are signed in run jobs</summary>
                                <p class="muted small">
                                    Whoever looks after the server puts this into <code>usherd.conf</code> and restarts <code>usherd</code>. Editors and admins then need no key here; pipelines use
                                    theirs as before.
                                </p>
                                <Snippet title="usherd.conf" text={'[auth]\ntrigger = api-key, session'} />
                            </details>
                        </>
                    )}
                </>
            )}
        </FormDialog>
    );
}

/// What needs no key: the last run once more, with its parameters.
function Repeat({job, onBegun}: {job: Job; onBegun: (runId: string) => void}) {
    const last = useLoad<{runs: RunSummary[]}>(job.lastRunAt ? `/api/runs?jobId=${job.id}&limit=1` : null).data?.runs[0];
    const {run, busy, error} = useAction(async () => {
        onBegun((await api<{data: {runId: string}}>('POST', `/api/runs/${last!.id}/rerun`, {body: {}})).data.runId);
    });
    if (!last || !hasEnded(last.status)) return null;
    return (
        <div class="notice">
            <p>
                Without a key you can repeat the last run ({last.status}, <Time at={last.queuedAt} />
                ), with the parameters that it had.
            </p>
            <button type="button" disabled={busy} onClick={() => void run()}>
                Repeat the last run
            </button>
            <Refusal error={error} />
        </div>
    );
}

function hintOf(parameter: {required: boolean; default?: string | null; pattern?: string | null}) {
    const said = [];
    if (parameter.default) said.push(`default ${parameter.default}`);
    else if (!parameter.required) said.push('may be left out');
    if (parameter.pattern) said.push(`must match ${parameter.pattern}`);
    return said.join('; ') || undefined;
}
