import {useRef, useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, Test} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {Select} from '../ui/Field';
import {Icon} from '../ui/Icon';
import {Empty, Refusal} from '../ui/States';
import {JobTest, type Item} from './JobTest';

/// The tests of a job in the order in which they run. Moved by dragging, or with the arrows: each move is saved at once.
export function JobTests({job, reload}: {job: Job; reload: () => void}) {
    const mayEdit = useMay('editor');
    const all = useLoad<{tests: Test[]}>(mayEdit ? '/api/tests?limit=200' : null);
    const [list, setList] = useState<Item[]>(job.tests ?? []);
    const [said, setSaid] = useState('');
    const [adding, setAdding] = useState('');
    const wanted = useRef<Item[]>(list);
    const box = useRef<HTMLOListElement>(null);

    const save = useAction(async () => {
        const before = job.tests ?? [];
        setList(wanted.current);
        try {
            await api('PUT', `/api/jobs/${job.id}/tests`, {body: {tests: wanted.current.map((test) => test.id)}});
            reload();
        } catch (error) {
            wanted.current = before;
            setList(before);
            throw error;
        }
    });
    const change = (next: Item[]) => {
        wanted.current = next;
        void save.run();
    };
    const move = (from: number, target: number, keep?: 'up' | 'down') => {
        if (target < 0 || target >= list.length || from === target) return;
        const next = list.slice();
        const [item] = next.splice(from, 1);
        next.splice(target, 0, item!);
        change(next);
        setSaid(`${item!.title} is now ${target + 1} of ${next.length}`);
        // The button that was pressed goes along with its test.
        if (keep) setTimeout(() => box.current?.children[target]?.querySelector<HTMLButtonElement>(`button[data-move=${keep}]:not(:disabled), button:not(:disabled)`)?.focus());
    };
    const others = (all.data?.tests ?? []).filter((test) => !list.some((one) => one.id === test.id));

    return (
        <>
            <Refusal error={save.error} />
            <div class="offstage" role="status">
                {said}
            </div>
            {list.length === 0 ? (
                <Empty title="No tests yet">
                    <p>A job runs its tests in order, one after the other; it passes when all of them do.</p>
                </Empty>
            ) : (
                <ol class="rows order" ref={box}>
                    {list.map((test, i) => (
                        <JobTest
                            key={test.id}
                            test={test}
                            place={i}
                            last={i === list.length - 1}
                            mayEdit={mayEdit}
                            onMove={(from, target, keep) => move(from, target, keep)}
                            onRemove={() => change(list.filter((one) => one.id !== test.id))}
                        />
                    ))}
                </ol>
            )}
            {mayEdit && (
                <div class="add-test">
                    <Select label="Add a test" value={adding} onValue={setAdding} disabled={others.length === 0} options={[['', others.length > 0 ? 'Choose…' : 'No other tests'], ...others.map((test) => [test.id, `${test.title} (${test.type})`] as const)]} />
                    <button
                        type="button"
                        disabled={!adding}
                        onClick={() => {
                            const test = others.find((one) => one.id === adding);
                            if (test) change([...list, test]);
                            setAdding('');
                        }}
                    >
                        Add
                    </button>
                    <a class="button" href={`${to.newTest}?job=${job.id}`}>
                        <Icon name="plus" />
                        New test
                    </a>
                </div>
            )}
        </>
    );
}
