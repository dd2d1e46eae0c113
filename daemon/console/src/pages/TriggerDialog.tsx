import {useLocation} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, Plugin} from '../api/types';
import {to} from '../routes';
import {Buttons, Dialog, faultOf} from '../ui/Dialog';
import {Input} from '../ui/Field';
import {Loading, Refusal} from '../ui/States';

/// Runs a job now. Whether a session is enough is the server's configuration ([auth] trigger); where it is not, a key of
/// the job is asked for, used for this one request, and forgotten.
export function TriggerDialog({job, onClose}: {job: Job; onClose: () => void}) {
    const {route} = useLocation();
    const plugins = useLoad<{plugins: Plugin[]}>('/api/plugins');
    const [values, setValues] = useState<Record<string, string>>({});
    const [key, setKey] = useState('');
    const needsKey = plugins.data !== null && !plugins.data.plugins.some((one) => one.name === 'session' && one.chains.includes('trigger'));

    const {run, busy, error} = useAction(async () => {
        const parameters = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
        const body = Object.keys(parameters).length > 0 ? {parameters} : {};
        const headers: Record<string, string> = needsKey ? {Authorization: `Bearer ${key.trim()}`} : {};
        const answer = await api<{data: {runId: string}}>('POST', `/api/jobs/${job.id}/trigger`, {body, headers, ownCredential: true});
        onClose();
        route(to.run(answer.data.runId));
    });

    return (
        <Dialog title={`Run ${job.name}`} onClose={onClose}>
            {plugins.loading ? (
                <Loading what="the settings" />
            ) : (
                <form
                    onSubmit={(event) => {
                        event.preventDefault();
                        void run();
                    }}
                >
                    <div class="body">
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
                            <Input
                                label="API key"
                                type="password"
                                autocomplete="off"
                                required
                                hint={
                                    <>
                                        This server takes triggers by API key only. With <code>trigger = api-key, session</code> in its <code>[auth]</code> section, being signed in is enough.
                                    </>
                                }
                                value={key}
                                onValue={setKey}
                            />
                        )}
                        <Refusal error={error} />
                    </div>
                    <Buttons busy={busy} verb="Run now" onCancel={onClose} />
                </form>
            )}
        </Dialog>
    );
}

function hintOf(parameter: {required: boolean; default?: string | null; pattern?: string | null}) {
    const said = [];
    if (parameter.default) said.push(`default ${parameter.default}`);
    else if (!parameter.required) said.push('may be left out');
    if (parameter.pattern) said.push(`must match ${parameter.pattern}`);
    return said.join('; ') || undefined;
}
