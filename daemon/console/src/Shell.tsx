import type {ComponentChildren} from 'preact';
import {useLocation} from 'preact-iso';
import {useEffect, useState} from 'preact/hooks';
import {pathOf, to} from './routes';
import {useMay, useSession} from './session';
import {Icon} from './ui/Icon';
import {applyTheme, currentTheme, type Theme} from './ui/theme';

const nextTheme: Record<Theme, Theme> = {system: 'light', light: 'dark', dark: 'system'};

function ThemeButton() {
    const [theme, setTheme] = useState(currentTheme());
    return (
        <button
            type="button"
            class="quiet"
            onClick={() => {
                applyTheme(nextTheme[theme]);
                setTheme(nextTheme[theme]);
            }}
        >
            <Icon name="theme" />
            Theme: {theme}
        </button>
    );
}

/// What stands around every page of somebody who is signed in.
export function Shell({children}: {children: ComponentChildren}) {
    const {user, signOut} = useSession();
    const admin = useMay('admin');
    const {url} = useLocation();
    const [open, setOpen] = useState(false);
    const path = pathOf(url);
    useEffect(() => setOpen(false), [path]);

    const link = (address: string, name: string) => (
        <li>
            <a href={address} aria-current={path === address ? 'page' : path.startsWith(`${address}/`) ? 'true' : undefined}>
                {name}
            </a>
        </li>
    );

    return (
        <div class="shell">
            <a class="skip" href="#content">
                Skip to the content
            </a>
            <header class={open ? 'side open' : 'side'}>
                <div class="brand">
                    <a href={to.jobs}>
                        <img src="/favicon.svg" alt="" width="26" height="26" />
                        Usher
                    </a>
                    <button type="button" class="quiet menu" aria-expanded={open} aria-controls="menu" onClick={() => setOpen(!open)}>
                        <Icon name={open ? 'close' : 'menu'} />
                        Menu
                    </button>
                </div>
                <div id="menu" class="menu-body">
                    <nav aria-label="Main">
                        <ul>
                            {link(to.jobs, 'Jobs')}
                            {link(to.runs, 'Runs')}
                            {link(to.tests, 'Tests')}
                        </ul>
                        <h2>Server</h2>
                        <ul>
                            {link(to.nodes, 'Nodes')}
                            {link(to.plugins, 'Plugins')}
                            {admin && link(to.users, 'Users')}
                            {admin && link(to.sessions, 'Sessions')}
                            {admin && link(to.audit, 'Audit log')}
                            <li>
                                <a href={to.docs}>API</a>
                            </li>
                        </ul>
                    </nav>
                    <div class="who">
                        <p>
                            <strong>{user!.name}</strong>
                            <span class="muted small">
                                {user!.email}, {user!.role}
                            </span>
                        </p>
                        <ThemeButton />
                        <button type="button" class="quiet" onClick={() => void signOut()}>
                            Sign out
                        </button>
                    </div>
                </div>
            </header>
            <main id="content" tabIndex={-1}>
                {children}
            </main>
        </div>
    );
}
