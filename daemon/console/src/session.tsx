import {createContext, type ComponentChildren} from 'preact';
import {useLocation} from 'preact-iso';
import {useContext, useEffect, useState} from 'preact/hooks';
import {api, get, onSessionEnded} from './api/client';
import type {Role, Session, User} from './api/types';
import {pathOf} from './routes';

interface SessionState {
    user: User | null;
    /// Nothing is known yet.
    pending: boolean;
    /// Somebody was signed in, and is not any more.
    expired: boolean;
    signedIn: (user: User) => void;
    signOut: () => Promise<void>;
}

const Context = createContext<SessionState>(null!);
export const useSession = () => useContext(Context);

const rank: Record<Role, number> = {viewer: 0, editor: 1, admin: 2};

/// Whether to offer what this role may do. The server judges each request all the same.
export function useMay(role: Role): boolean {
    const {user} = useSession();
    return user !== null && rank[user.role] >= rank[role];
}

const openPages = ['/sign-in', '/setup'];

/// Knows who is signed in, and leads to the sign-in page as soon as nobody is.
export function SessionProvider({children}: {children: ComponentChildren}) {
    const [user, setUser] = useState<User | null>(null);
    const [pending, setPending] = useState(true);
    const [expired, setExpired] = useState(false);
    const {url, route} = useLocation();

    const ended = () => {
        setUser((old) => {
            if (old) setExpired(true);
            return null;
        });
    };

    const check = () =>
        get<Session | null>('/api/auth/get-session')
            .then((session) => (session ? setUser(session.user) : ended()))
            .catch(() => undefined) // no answer is no answer to this question; the page itself shows the trouble
            .finally(() => setPending(false));

    useEffect(() => onSessionEnded(ended), []);
    useEffect(() => {
        void check();
        const again = () => document.visibilityState === 'visible' && void check();
        const timer = setInterval(again, 60_000);
        document.addEventListener('visibilitychange', again);
        return () => {
            clearInterval(timer);
            document.removeEventListener('visibilitychange', again);
        };
    }, []);

    const open = openPages.includes(pathOf(url));
    useEffect(() => {
        if (!pending && !user && !open) route(`/sign-in?to=${encodeURIComponent(url)}`, true);
    }, [pending, user, open, url]);

    const state: SessionState = {
        user,
        pending,
        expired,
        signedIn: (fresh) => {
            setExpired(false);
            setUser(fresh);
        },
        signOut: async () => {
            await api('POST', '/api/auth/sign-out', {body: {}});
            setExpired(false);
            setUser(null);
            route('/sign-in', true);
        },
    };
    return <Context.Provider value={state}>{children}</Context.Provider>;
}
