import {usePages} from '../api/hooks';
import type {Test} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {CreateLink} from '../ui/Create';
import {ListPage} from '../ui/ListPage';
import {Empty} from '../ui/States';
import {Time} from '../ui/Time';

export function Tests() {
    const pages = usePages<Test>('/api/tests?limit=50', 'tests');
    const create = useMay('editor') && <CreateLink to={to.newTest}>New test</CreateLink>;
    const empty = (
        <Empty title="No tests yet">
            <p>A test is a script: shell, Python, Playwright, or whatever the server has an interpreter for. Jobs run tests in order.</p>
            {create}
        </Empty>
    );
    return (
        <ListPage title="Tests" what="tests" kind="tests" pages={pages} create={create} empty={empty}>
            {(test) => (
                <li key={test.id}>
                    <div class="main">
                        <a class="name" href={to.test(test.id)}>
                            {test.title}
                        </a>{' '}
                        <span class="tag">{test.type}</span>
                        {test.description && <p class="muted small clip">{test.description}</p>}
                    </div>
                    <span class="muted small">
                        changed <Time at={test.updatedAt} />
                    </span>
                </li>
            )}
        </ListPage>
    );
}
