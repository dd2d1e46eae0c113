import {useLocation} from 'preact-iso';
import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction} from '../api/hooks';
import type {User} from '../api/types';
import {to} from '../routes';
import {useSession} from '../session';
import {faultOf} from '../ui/Dialog';
import {Input} from '../ui/Field';
import {Refusal} from '../ui/States';
import {Door} from './Door';

/// The first admin, once, with the token that only who can read the server's state folder knows.
export function Setup() {
    const {signedIn} = useSession();
    const {route} = useLocation();
    const [token, setToken] = useState('');
    const [name, setName] = useState('');
    const [email, setEmail] = useState('');
    const [password, setPassword] = useState('');
    const {run, busy, error} = useAction(async () => {
        const body = {token: token.trim(), email, password, ...(name.trim() && {name: name.trim()})};
        await api('POST', '/api/auth/setup', {body, ownCredential: true});
        const answer = await api<{user: User}>('POST', '/api/auth/sign-in/email', {body: {email, password}, ownCredential: true});
        signedIn(answer.user);
        route(to.jobs, true);
    });
    return (
        <Door title="Set up the first admin">
            <p class="muted">
                While nobody can sign in yet, the server keeps a one-time token in the file <code>setup-token</code> of its state
                folder. As root on the server:
            </p>
            <pre class="inset" tabIndex={0}>
                cat /var/lib/usher/setup-token
            </pre>
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <Input label="Setup token" autocomplete="off" spellcheck={false} required value={token} onValue={setToken} fault={faultOf(error, 'token')} />
                <Input label="Your name" autocomplete="name" value={name} onValue={setName} fault={faultOf(error, 'name')} />
                <Input label="E-mail" type="email" autocomplete="username" required value={email} onValue={setEmail} fault={faultOf(error, 'email')} />
                <Input
                    label="Password"
                    type="password"
                    autocomplete="new-password"
                    required
                    minLength={8}
                    maxLength={128}
                    hint="8 to 128 characters"
                    value={password}
                    onValue={setPassword}
                    fault={faultOf(error, 'password')}
                />
                <Refusal error={error} />
                <button type="submit" class="primary full" disabled={busy}>
                    {busy ? 'One moment…' : 'Create the admin and sign in'}
                </button>
            </form>
            <p class="muted small">
                Lost the token? <code>usherd setup-token</code> makes a new one. There is an account already? <a href="/sign-in">Sign in</a>
            </p>
        </Door>
    );
}
