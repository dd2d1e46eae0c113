import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useLoad} from '../api/hooks';
import type {Job, Webhook} from '../api/types';
import {useMay} from '../session';
import {Collection} from '../ui/Collection';
import {CreateButton} from '../ui/Create';
import {Confirm} from '../ui/Dialog';
import {Once} from '../ui/Once';
import {Answered} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';
import {WebhookForm} from './WebhookForm';

/// Who is told of the job's runs.
export function Webhooks({job}: {job: Job}) {
    const loaded = useLoad<{webhooks: Webhook[]}>(`/api/jobs/${job.id}/webhooks`, 5000);
    const mayEdit = useMay('editor');
    const [editing, setEditing] = useState<Webhook | 'new' | null>(null);
    const [deleting, setDeleting] = useState<Webhook | null>(null);
    const [fresh, setFresh] = useState<Webhook | null>(null);
    const say = useToast();
    const create = mayEdit && <CreateButton onClick={() => setEditing('new')}>New webhook</CreateButton>;
    return (
        <>
            <Answered loaded={loaded} what="webhooks">
                {({webhooks}) => (
                    <Collection
                        items={webhooks}
                        kind="webhooks"
                        emptyTitle="No webhooks"
                        emptyText="A webhook tells another server of this job's runs, by a signed POST; what cannot be delivered is tried again for a day."
                        note="Told by a signed POST; what cannot be delivered is tried again."
                        create={create}
                    >
                        {(webhook) => <Row key={webhook.id} webhook={webhook} mayEdit={mayEdit} onEdit={() => setEditing(webhook)} onDelete={() => setDeleting(webhook)} />}
                    </Collection>
                )}
            </Answered>
            {editing && (
                <WebhookForm
                    jobId={job.id}
                    existing={editing === 'new' ? undefined : editing}
                    onClose={() => setEditing(null)}
                    onDone={(webhook) => {
                        if (webhook.secret) setFresh(webhook);
                        else say('Saved');
                        setEditing(null);
                        loaded.reload();
                    }}
                />
            )}
            {fresh && (
                <Once
                    title="Signing secret"
                    name="Signing secret"
                    verb="Copy secret"
                    secret={fresh.secret!}
                    warning="This secret will not be shown again: the server keeps it encrypted."
                    onClose={() => setFresh(null)}
                >
                    <p class="muted small">
                        Give it to the receiver. Each message carries <code>webhook-id</code>, <code>webhook-timestamp</code> and <code>webhook-signature</code>; a library of Standard Webhooks checks
                        them.
                    </p>
                </Once>
            )}
            {deleting && (
                <Confirm
                    title="Delete this webhook?"
                    verb="Delete webhook"
                    danger
                    onClose={() => setDeleting(null)}
                    action={async () => {
                        await api('DELETE', `/api/jobs/${job.id}/webhooks/${deleting.id}`);
                        say('The webhook is deleted');
                        loaded.reload();
                    }}
                >
                    <p>
                        <code>{deleting.url}</code> is told nothing more of {job.name}
                        {deleting.waiting > 0 && `; ${messages(deleting.waiting)} not delivered yet go with it`}. Its secret is forgotten.
                    </p>
                </Confirm>
            )}
        </>
    );
}

const messages = (count: number) => (count === 1 ? '1 message that is' : `${count >= 10_000 ? 'more than 10,000' : count} messages that are`);

/// How it stands with the other side.
function standing({lastDelivery: last, waiting}: Webhook): {text: string; kind: string} {
    if (!last) return waiting > 0 ? {text: 'first message under way', kind: ''} : {text: 'nothing sent yet', kind: ''};
    if (!last.error) return {text: 'delivered', kind: 'good'};
    return waiting > 0 ? {text: 'not delivered, tried again', kind: 'warn'} : {text: 'not delivered', kind: 'bad'};
}

function Row({webhook, mayEdit, onEdit, onDelete}: {webhook: Webhook; mayEdit: boolean; onEdit: () => void; onDelete: () => void}) {
    const state = standing(webhook);
    const last = webhook.lastDelivery;
    return (
        <li>
            <div class="main">
                <span class="name mono">{webhook.url}</span> <span class={`tag ${state.kind}`}>{state.text}</span>
                <p class="muted small">
                    told of {webhook.events.join(', ')} · since <Time at={webhook.createdAt} />
                </p>
                {last?.error && <p class="refusal small">{last.error}</p>}
            </div>
            <dl class="pairs small">
                <div>
                    <dt>Last try</dt>
                    <dd>
                        <Time at={last?.at ?? null} />
                    </dd>
                </div>
                {last && (
                    <div>
                        <dt>Answer</dt>
                        <dd>{last.status ?? 'none'}</dd>
                    </div>
                )}
                <div>
                    <dt>Waiting</dt>
                    <dd>{webhook.waiting >= 10_000 ? '10,000 or more' : webhook.waiting}</dd>
                </div>
            </dl>
            {mayEdit && (
                <div class="do">
                    <button type="button" onClick={onEdit} aria-label={`Edit ${webhook.url}`}>
                        Edit
                    </button>
                    <button type="button" class="danger" onClick={onDelete} aria-label={`Delete ${webhook.url}`}>
                        Delete
                    </button>
                </div>
            )}
        </li>
    );
}
