import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Guide, Job, Key} from '../api/types';
import {useMay} from '../session';
import {Confirm} from '../ui/Dialog';
import {Icon} from '../ui/Icon';
import {Snippet} from '../ui/Copy';
import {Empty, Loading, Refusal, Trouble} from '../ui/States';
import {Time, useNow} from '../ui/Time';
import {useToast} from '../ui/Toast';
import {KeyForm} from './KeyForm';
import {KeyRotate} from './KeyRotate';
import {NewKey} from './NewKey';

type Doing = {what: 'create' | 'edit' | 'rotate' | 'delete'; key?: Key} | null;

export function Keys({job}: {job: Job}) {
    const loaded = useLoad<{apiKeys: Key[]}>(`/api/jobs/${job.id}/api-keys`);
    const guide = useLoad<{trigger: Guide}>(`/api/jobs/${job.id}/trigger`);
    const mayEdit = useMay('editor');
    const mayDelete = useMay('admin');
    const [doing, setDoing] = useState<Doing>(null);
    const [fresh, setFresh] = useState<Key | null>(null);
    const say = useToast();
    const done = () => setDoing(null);

    if (!loaded.data) return loaded.error ? <Trouble error={loaded.error} retry={loaded.reload} /> : <Loading what="keys" />;
    const keys = loaded.data.apiKeys;
    const create = mayEdit && (
        <button type="button" class="primary" disabled={keys.length >= 10} onClick={() => setDoing({what: 'create'})}>
            <Icon name="plus" />
            New API key
        </button>
    );
    return (
        <>
            {fresh && <NewKey fresh={fresh} url={guide.data?.trigger.url ?? ''} onClose={() => setFresh(null)} />}
            {keys.length === 0 ? (
                <Empty title="No API keys yet">
                    <p>A pipeline shows a key with each trigger. A key is good for this job only.</p>
                    {create}
                </Empty>
            ) : (
                <>
                    <div class="section-head">
                        <p class="muted">
                            {keys.length} of 10 keys. {keys.length >= 10 && 'Delete one that is no longer used to make room.'}
                        </p>
                        {create}
                    </div>
                    <ul class="rows keys">
                        {keys.map((key) => (
                            <KeyRow key={key.id} value={key} mayEdit={mayEdit} mayDelete={mayDelete} reload={loaded.reload} onDo={(what) => setDoing({what, key})} />
                        ))}
                    </ul>
                </>
            )}
            {guide.data && <HowTo guide={guide.data.trigger} />}
            {doing?.what === 'create' && (
                <KeyForm
                    jobId={job.id}
                    onClose={done}
                    onDone={(key) => {
                        done();
                        setFresh(key);
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'edit' && (
                <KeyForm
                    jobId={job.id}
                    existing={doing.key}
                    onClose={done}
                    onDone={() => {
                        done();
                        say('Saved; the next trigger is judged by it');
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'rotate' && (
                <KeyRotate
                    jobId={job.id}
                    old={doing.key!}
                    onClose={done}
                    onDone={(key) => {
                        done();
                        setFresh(key);
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'delete' && (
                <Confirm
                    title={`Delete the key ${doing.key!.name}?`}
                    verb="Delete key"
                    danger
                    onClose={done}
                    action={async () => {
                        await api('DELETE', `/api/jobs/${job.id}/api-keys/${doing.key!.id}`);
                        say(`${doing.key!.name} is deleted`);
                        loaded.reload();
                    }}
                >
                    <p>
                        Every pipeline that uses <strong>{doing.key!.name}</strong> (<code>{doing.key!.start}…</code>) stops being able to trigger {job.name}, at once. This cannot be taken
                        back; to stop it for a while, disable it instead.
                    </p>
                    <p class="muted">
                        {doing.key!.lastRequest ? (
                            <>
                                It was used {doing.key!.requestCount} times, last <Time at={doing.key!.lastRequest} />.
                            </>
                        ) : (
                            'It was never used.'
                        )}
                    </p>
                </Confirm>
            )}
        </>
    );
}

/// What a key is good for now, in words.
function standing(key: Key, now: number): {text: string; kind: 'good' | 'warn' | 'off'} {
    if (!key.enabled) return {text: 'disabled', kind: 'off'};
    if (key.expiresAt && new Date(key.expiresAt).getTime() < now) return {text: 'expired', kind: 'off'};
    if (key.remaining === 0) return {text: 'used up', kind: 'off'};
    if (key.expiresAt) {
        const days = (new Date(key.expiresAt).getTime() - now) / 86_400_000;
        if (days < 1) return {text: 'expires today', kind: 'warn'};
        if (days < 14) return {text: `expires in ${Math.ceil(days)} days`, kind: 'warn'};
    }
    return {text: 'active', kind: 'good'};
}

function KeyRow({value: key, mayEdit, mayDelete, reload, onDo}: {value: Key; mayEdit: boolean; mayDelete: boolean; reload: () => void; onDo: (what: 'edit' | 'rotate' | 'delete') => void}) {
    const now = useNow(30_000);
    const state = standing(key, now);
    const say = useToast();
    const toggle = useAction(async () => {
        await api('PATCH', `/api/jobs/${key.jobId}/api-keys/${key.id}`, {body: {enabled: !key.enabled}});
        say(key.enabled ? `${key.name} is disabled: it is refused from now on` : `${key.name} is enabled`);
        reload();
    });
    return (
        <li class={state.kind === 'off' ? 'off' : undefined}>
            <div class="main">
                <span class="name">{key.name}</span> <span class={`tag ${state.kind}`}>{state.text}</span>
                <p class="muted small">
                    <code>{key.start}…</code> · made by {key.createdByName} <Time at={key.createdAt} />
                </p>
            </div>
            <dl class="pairs small">
                <div>
                    <dt>Last used</dt>
                    <dd>
                        <Time at={key.lastRequest} />
                        {key.requestCount > 0 && <span class="muted"> ({key.requestCount})</span>}
                    </dd>
                </div>
                <div>
                    <dt>Expires</dt>
                    <dd>{key.expiresAt ? <Time at={key.expiresAt} /> : 'never'}</dd>
                </div>
                <div>
                    <dt>Limit</dt>
                    <dd>{key.rateLimit ? `${key.rateLimit.max} per ${key.rateLimit.windowSeconds} s` : 'none'}</dd>
                </div>
                <div>
                    <dt>Uses left</dt>
                    <dd>{key.remaining ?? 'any number'}</dd>
                </div>
                {key.allowedAddresses && (
                    <div>
                        <dt>From</dt>
                        <dd>{key.allowedAddresses.join(', ')}</dd>
                    </div>
                )}
            </dl>
            {mayEdit && (
                <div class="do">
                    <button type="button" disabled={toggle.busy} onClick={() => void toggle.run()} aria-label={`${key.enabled ? 'Disable' : 'Enable'} ${key.name}`}>
                        {key.enabled ? 'Disable' : 'Enable'}
                    </button>
                    <button type="button" onClick={() => onDo('edit')} aria-label={`Edit ${key.name}`}>
                        Edit
                    </button>
                    <button type="button" onClick={() => onDo('rotate')} aria-label={`Rotate ${key.name}`}>
                        Rotate
                    </button>
                    {mayDelete && (
                        <button type="button" class="danger" onClick={() => onDo('delete')} aria-label={`Delete ${key.name}`}>
                            Delete
                        </button>
                    )}
                </div>
            )}
            <Refusal error={toggle.error} />
        </li>
    );
}

function HowTo({guide}: {guide: Guide}) {
    return (
        <section class="card howto" aria-labelledby="howto">
            <h2 id="howto">In a pipeline</h2>
            <p class="muted">
                Keep the key as the secret <code>USHER_API_KEY</code>; it never belongs into the file itself. The answer is 202 with the run's id as soon as the run is safely queued.
            </p>
            <Snippet title="curl" text={guide.curl} />
            <Snippet title="GitHub Actions" text={guide.githubActions} />
            <Snippet title="GitLab CI" text={guide.gitlabCi} />
        </section>
    );
}
