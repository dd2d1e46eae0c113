import {useLocation} from 'preact-iso';
import {useEffect, useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction} from '../api/hooks';
import type {User} from '../api/types';
import {safeReturn} from '../routes';
import {useSession} from '../session';
import {Check, Input} from '../ui/Field';
import {Refusal} from '../ui/States';
import {Door} from './Door';

export function SignIn() {
    const {user, expired, signedIn} = useSession();
    const {query, route} = useLocation();
    const [email, setEmail] = useState('');
    const [password, setPassword] = useState('');
    const [remember, setRemember] = useState(true);
    const {run, busy, error} = useAction(async () => {
        const body = {email, password, rememberMe: remember};
        const answer = await api<{user: User}>('POST', '/api/auth/sign-in/email', {body, ownCredential: true});
        setPassword('');
        signedIn(answer.user);
    });
    useEffect(() => {
        if (user) route(safeReturn(query['to'] ?? null), true);
    }, [user]);

    return (
        <Door title="Sign in">
            {expired && (
                <p class="notice" role="status">
                    Your session has ended. Sign in again to go on where you were.
                </p>
            )}
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <Input label="E-mail" type="email" name="email" autocomplete="username" required autofocus value={email} onValue={setEmail} />
                <Input label="Password" type="password" name="password" autocomplete="current-password" required value={password} onValue={setPassword} />
                <Check label="Stay signed in" hint="For seven days, on this device" checked={remember} onValue={setRemember} />
                <Refusal error={error} />
                <button type="submit" class="primary full" disabled={busy}>
                    {busy ? 'One moment…' : 'Sign in'}
                </button>
            </form>
            <p class="muted small">
                A new server, and nobody can sign in yet? <a href="/setup">Set up the first admin</a>
            </p>
        </Door>
    );
}
