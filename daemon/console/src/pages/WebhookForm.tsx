import {useState} from 'preact/hooks';
import {api} from '../api/client';
import type {Webhook} from '../api/types';
import {FormDialog, faultOf} from '../ui/Dialog';
import {Check, Input, Select} from '../ui/Field';
import {changesOf} from '../ui/changes';

const groups = {
    ended: ['run.ended'],
    wrong: ['run.failed', 'run.error', 'run.timeout', 'run.lost'],
    all: ['*'],
};
const choices = [
    ['ended', 'every end of a run'],
    ['wrong', 'what goes wrong: failed, error, timeout, lost'],
    ['all', 'everything'],
    ['own', 'what I choose'],
] as const;
type Choice = (typeof choices)[number][0];
const single = ['queued', 'running', 'passed', 'failed', 'error', 'timeout', 'cancelled', 'lost'].map((status) => `run.${status}`);

const equal = (a: string[], b: string[]) => a.length === b.length && a.every((one) => b.includes(one));

function choiceOf(events: string[]): Choice {
    return (Object.keys(groups) as (keyof typeof groups)[]).find((name) => equal(groups[name], events)) ?? 'own';
}

/// What the single events are that a list means: `*` and run.ended stand for several.
function spelled(events: string[]): string[] {
    return single.filter((one) => events.includes('*') || events.includes(one) || (events.includes('run.ended') && one !== 'run.queued' && one !== 'run.running'));
}

/// Makes a webhook, or changes one; the secret stays.
export function WebhookForm({jobId, existing, onClose, onDone}: {jobId: string; existing?: Webhook; onClose: () => void; onDone: (webhook: Webhook) => void}) {
    const [url, setUrl] = useState(existing?.url ?? '');
    const [choice, setChoice] = useState<Choice>(choiceOf(existing?.events ?? groups.ended));
    const [own, setOwn] = useState(spelled(existing?.events ?? groups.wrong));
    const save = async () => {
        const body = changesOf<{url: string; events: string[]}>({url: url.trim(), events: choice === 'own' ? own : groups[choice]}, existing);
        const path = `/api/jobs/${jobId}/webhooks`;
        onDone((existing ? await api<{webhook: Webhook}>('PATCH', `${path}/${existing.id}`, {body}) : await api<{webhook: Webhook}>('POST', path, {body})).webhook);
    };
    return (
        <FormDialog title={existing ? 'Edit webhook' : 'New webhook'} verb={existing ? 'Save' : 'Create webhook'} action={save} onClose={onClose}>
            {(error) => (
                <>
                    <Input
                        label="URL"
                        type="url"
                        class="mono"
                        required
                        autofocus
                        maxLength={2048}
                        placeholder="https://hooks.example.org/usher"
                        hint="At a public address, or one that the server's [webhooks] allow names"
                        value={url}
                        onValue={setUrl}
                        fault={faultOf(error, 'url')}
                    />
                    <Select label="Tell of" value={choice} options={choices} onValue={setChoice} />
                    {choice === 'own' && (
                        <fieldset class="checks">
                            <legend>Events</legend>
                            {single.map((event) => (
                                <Check key={event} label={event} checked={own.includes(event)} onValue={(checked) => setOwn(single.filter((one) => (one === event ? checked : own.includes(one))))} />
                            ))}
                        </fieldset>
                    )}
                    {faultOf(error, 'events') && <p class="refusal small">{faultOf(error, 'events')}</p>}
                    {existing && (
                        <p class="muted small">
                            Its signing secret stays. For a new one make a second webhook, let the receiver accept both secrets, then delete this one.
                        </p>
                    )}
                </>
            )}
        </FormDialog>
    );
}
