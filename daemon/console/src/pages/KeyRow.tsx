import {api} from '../api/client';
import {useAction} from '../api/hooks';
import type {Key} from '../api/types';
import {Refusal} from '../ui/States';
import {Time, useNow} from '../ui/Time';
import {useToast} from '../ui/Toast';

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

export function KeyRow({value: key, mayEdit, mayDelete, reload, onDo}: {value: Key; mayEdit: boolean; mayDelete: boolean; reload: () => void; onDo: (what: 'edit' | 'rotate' | 'delete') => void}) {
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
