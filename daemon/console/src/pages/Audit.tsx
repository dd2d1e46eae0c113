import {useLocation} from 'preact-iso';
import {useEffect, useState} from 'preact/hooks';
import {useLoad, usePages} from '../api/hooks';
import type {AuditEntry, User} from '../api/types';
import {to} from '../routes';
import {Input} from '../ui/Field';
import {PageHead} from '../ui/Page';
import {Empty, Listed} from '../ui/States';
import {timeText} from '../ui/Time';

/// Who did what, the newest first. The filters stand in the address.
export function Audit() {
    const {query, route} = useLocation();
    const [actor, setActor] = useState(query['actor'] ?? '');
    const [action, setAction] = useState(query['action'] ?? '');
    const [day, setDay] = useState(query['since'] ?? '');

    useEffect(() => {
        const timer = setTimeout(() => {
            const next = new URLSearchParams(Object.entries({actor, action, since: day}).filter(([, value]) => value));
            const address = `${to.audit}${next.size ? `?${next}` : ''}`;
            if (address !== location.pathname + location.search) route(address, true);
        }, 300);
        return () => clearTimeout(timer);
    }, [actor, action, day]);

    const filters = new URLSearchParams({limit: '50'});
    if (query['actor']) filters.set('actor', query['actor']);
    if (query['action']) filters.set('action', query['action']);
    if (query['since']) filters.set('since', new Date(`${query['since']}T00:00:00`).toISOString());
    const pages = usePages<AuditEntry>(`/api/audit?${filters}`, 'audit');
    const users = useLoad<{users: User[]}>('/api/users?limit=200');
    const nameOf = (id: string) => users.data?.users.find((user) => `user:${user.id}` === id)?.name;
    return (
        <>
            <PageHead title="Audit log" />
            <div class="filters" role="group" aria-label="Filters">
                <Input label="Actor" placeholder="user:… or api-key:…" value={actor} onValue={setActor} />
                <Input label="Action" placeholder="key.create" value={action} onValue={setAction} />
                <Input label="Since" type="date" value={day} onValue={setDay} />
            </div>
            <Listed pages={pages} what="the log" empty={<Empty title="Nothing like this was done" />}>
                {(entries) => (
                    <div class="table-box" tabIndex={0} role="region" aria-label="Records">
                        <table class="audit">
                            <thead>
                                <tr>
                                    <th scope="col">When</th>
                                    <th scope="col">Who</th>
                                    <th scope="col">What</th>
                                    <th scope="col">Outcome</th>
                                    <th scope="col">From</th>
                                </tr>
                            </thead>
                            <tbody>
                                {entries.map((entry) => (
                                    <tr key={entry.id}>
                                        <td>
                                            <time dateTime={entry.at}>{timeText(entry.at)}</time>
                                        </td>
                                        <td>
                                            {nameOf(entry.actor)}
                                            <button type="button" class="quiet pick-actor mono small muted" title={`${entry.actor}: only what this one did`} onClick={() => setActor(entry.actor)}>
                                                {entry.actor}
                                            </button>
                                        </td>
                                        <td>
                                            <strong>{entry.action}</strong>
                                            {entry.resource && <p class="mono small muted">{entry.resource}</p>}
                                            {entry.detail && <p class="small">{entry.detail}</p>}
                                        </td>
                                        <td>
                                            <span class={entry.decision === 'allowed' ? 'tag good' : 'tag bad'}>{entry.decision}</span>
                                            {entry.code && <p class="mono small muted">{entry.code}</p>}
                                        </td>
                                        <td class="mono small address">{entry.address ?? '–'}</td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                )}
            </Listed>
        </>
    );
}
