import {useLocation, useRoute} from 'preact-iso';
import {useId, useState} from 'preact/hooks';
import {api, get} from '../api/client';
import {useAction, useLoad} from '../api/hooks';
import type {Job, Test} from '../api/types';
import {to} from '../routes';
import {useMay} from '../session';
import {Awaited} from '../ui/Awaited';
import {Confirm, faultOf} from '../ui/Dialog';
import {Editor} from '../ui/Editor';
import {Field, Input} from '../ui/Field';
import {PageHead} from '../ui/Page';
import {Refusal} from '../ui/States';
import {useToast} from '../ui/Toast';

const types = ['shell', 'python', 'node', 'playwright', 'k6'];

export function TestForm() {
    const {id} = useRoute().params;
    const loaded = useLoad<{test: Test}>(id ? `/api/tests/${encodeURIComponent(id)}` : null);
    if (!id) return <Form />;
    return (
        <Awaited loaded={loaded} title="Test" crumb={<a href={to.tests}>Tests</a>} what="the test">
            {({test}) => <Form key={id} test={test} />}
        </Awaited>
    );
}

function Form({test}: {test?: Test}) {
    const {route, query} = useLocation();
    const say = useToast();
    const mayEdit = useMay('editor');
    const mayDelete = useMay('admin');
    const list = useId();
    const [title, setTitle] = useState(test?.title ?? '');
    const [type, setType] = useState(test?.type ?? 'shell');
    const [description, setDescription] = useState(test?.description ?? '');
    const [script, setScript] = useState(test?.script ?? '');
    const [deleting, setDeleting] = useState(false);
    const job = query['job'];

    const {run, busy, error} = useAction(async () => {
        const body = {title: title.trim(), type: type.trim(), description, script};
        if (test) {
            await api('PATCH', `/api/tests/${test.id}`, {body});
            say('Saved; runs that are triggered from now on use it');
            return;
        }
        const made = await api<{test: Test}>('POST', '/api/tests', {body});
        if (job) {
            const before = await get<{job: Job}>(`/api/jobs/${encodeURIComponent(job)}`);
            await api('PUT', `/api/jobs/${encodeURIComponent(job)}/tests`, {body: {tests: [...(before.job.tests ?? []).map((one) => one.id), made.test.id]}});
            route(to.jobTests(job));
        } else {
            route(to.test(made.test.id), true);
        }
        say(`${made.test.title} is there`);
    });

    return (
        <>
            <PageHead
                title={test ? test.title : 'New test'}
                crumb={<a href={to.tests}>Tests</a>}
                actions={
                    test &&
                    mayDelete && (
                        <button type="button" class="danger" onClick={() => setDeleting(true)}>
                            Delete test
                        </button>
                    )
                }
            />
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <fieldset class="plain" disabled={!mayEdit}>
                    <div class="pair test-head">
                        <Input label="Title" required maxLength={255} autofocus={!test} value={title} onValue={setTitle} fault={faultOf(error, 'title')} />
                        <Input label="Type" required list={list} hint="The interpreter that the server starts it with" value={type} onValue={setType} fault={faultOf(error, 'type')} />
                        <datalist id={list}>
                            {types.map((one) => (
                                <option key={one} value={one} />
                            ))}
                        </datalist>
                    </div>
                    <Input label="Description" maxLength={10_000} value={description} onValue={setDescription} fault={faultOf(error, 'description')} />
                    <Field label="Script" hint="Parameters and secrets come as environment. What it leaves in $USHER_ARTIFACTS is kept." fault={faultOf(error, 'script')}>
                        {({id}) => <Editor id={id} type={type} value={script} onValue={setScript} readOnly={!mayEdit} />}
                    </Field>
                </fieldset>
                <Refusal error={error} />
                {mayEdit && (
                    <p class="actions">
                        <button type="submit" class="primary" disabled={busy || script === ''}>
                            {busy ? 'One moment…' : test ? 'Save' : 'Create test'}
                        </button>
                    </p>
                )}
            </form>
            {deleting && (
                <Confirm
                    title={`Delete ${test!.title}?`}
                    verb="Delete test"
                    danger
                    onClose={() => setDeleting(false)}
                    action={async () => {
                        await api('DELETE', `/api/tests/${test!.id}`);
                        route(to.tests, true);
                    }}
                >
                    <p>Runs that have ended keep what it was. A test that a job still uses is not deleted.</p>
                </Confirm>
            )}
        </>
    );
}
