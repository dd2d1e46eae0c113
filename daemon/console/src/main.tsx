import './style/base.css';
import './style/controls.css';
import './style/layout.css';
import './style/parts.css';
import './style/log.css';
import {render} from 'preact';
import {LocationProvider, Route, Router, lazy, useLocation} from 'preact-iso';
import {useEffect} from 'preact/hooks';
import {JobPage} from './pages/Job';
import {Jobs} from './pages/Jobs';
import {RunPage} from './pages/Run';
import {Runs} from './pages/Runs';
import {Setup} from './pages/Setup';
import {SignIn} from './pages/SignIn';
import {Shell} from './Shell';
import {SessionProvider, useSession} from './session';
import {Empty, Loading} from './ui/States';
import {PageHead} from './ui/Page';
import {applyTheme} from './ui/theme';
import {ToastProvider} from './ui/Toast';
import {pathOf, to} from './routes';

// What not everybody looks at comes when it is looked at.
const JobForm = lazy(() => import('./pages/JobForm').then((m) => m.JobForm));
const Tests = lazy(() => import('./pages/Tests').then((m) => m.Tests));
const TestForm = lazy(() => import('./pages/TestForm').then((m) => m.TestForm));
const Users = lazy(() => import('./pages/Users').then((m) => m.Users));
const Sessions = lazy(() => import('./pages/Sessions').then((m) => m.Sessions));
const Nodes = lazy(() => import('./pages/Nodes').then((m) => m.Nodes));
const Plugins = lazy(() => import('./pages/Plugins').then((m) => m.Plugins));
const Audit = lazy(() => import('./pages/Audit').then((m) => m.Audit));

function Home() {
    const {route} = useLocation();
    useEffect(() => route(to.jobs, true), []);
    return null;
}

function Nowhere() {
    return (
        <>
            <PageHead title="Not found" />
            <Empty title="There is nothing at this address.">
                <p>
                    <a href={to.jobs}>To the jobs</a>
                </p>
            </Empty>
        </>
    );
}

function Inside() {
    const {user, pending} = useSession();
    if (pending) return <Loading what="Usher" />;
    if (!user) return null; // on the way to the sign-in page
    return (
        <Shell>
            <Router>
                <Route path="/" component={Home} />
                <Route path="/jobs" component={Jobs} />
                <Route path="/jobs/new" component={JobForm} />
                <Route path="/jobs/:id/settings" component={JobForm} />
                <Route path="/jobs/:id/:tab?" component={JobPage} />
                <Route path="/tests" component={Tests} />
                <Route path="/tests/new" component={TestForm} />
                <Route path="/tests/:id" component={TestForm} />
                <Route path="/runs" component={Runs} />
                <Route path="/runs/:id" component={RunPage} />
                <Route path="/users" component={Users} />
                <Route path="/sessions" component={Sessions} />
                <Route path="/nodes" component={Nodes} />
                <Route path="/plugins" component={Plugins} />
                <Route path="/audit" component={Audit} />
                <Route default component={Nowhere} />
            </Router>
        </Shell>
    );
}

function Outside() {
    const path = pathOf(useLocation().url);
    if (path === '/sign-in') return <SignIn />;
    if (path === '/setup') return <Setup />;
    return <Inside />;
}

function App() {
    return (
        <LocationProvider scope={/^\/(?!api\/)/}>
            <ToastProvider>
                <SessionProvider>
                    <Outside />
                </SessionProvider>
            </ToastProvider>
        </LocationProvider>
    );
}

applyTheme();
render(<App />, document.getElementById('app')!);
