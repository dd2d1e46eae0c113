import {api} from '../api/client';
import {useAction, usePages} from '../api/hooks';
import type {OpenSession} from '../api/types';
import {ListPage} from '../ui/ListPage';
import {Empty, Refusal} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';

/// Who is signed in, and from where. Ending a session takes effect with its next request.
export function Sessions() {
    const pages = usePages<OpenSession>('/api/sessions?limit=50', 'sessions');
    return (
        <ListPage title="Sessions" what="sessions" kind="users" pages={pages} empty={<Empty title="Nobody is signed in" />}>
            {(session) => <Row key={session.id} session={session} reload={pages.reload} />}
        </ListPage>
    );
}

function Row({session, reload}: {session: OpenSession; reload: () => void}) {
    const say = useToast();
    const end = useAction(async () => {
        await api('DELETE', `/api/sessions/${session.id}`);
        say(`The session of ${session.userName} is over`);
        reload();
    });
    return (
        <li>
            <div class="main">
                <span class="name">{session.userName}</span> <span class="tag">{session.bearer ? 'usherctl' : 'browser'}</span>
                <p class="muted small">
                    {session.userEmail} · since <Time at={session.createdAt} />, until <Time at={session.expiresAt} />
                    {session.ipAddress && ` · from ${session.ipAddress}`}
                </p>
                {session.userAgent && <p class="muted small clip">{session.userAgent}</p>}
                <Refusal error={end.error} />
            </div>
            <div class="do">
                <button type="button" class="danger" disabled={end.busy} onClick={() => void end.run()} aria-label={`End the session of ${session.userName}`}>
                    End
                </button>
            </div>
        </li>
    );
}
