import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useLoad} from '../api/hooks';
import type {Job} from '../api/types';
import {useMay} from '../session';
import {Collection} from '../ui/Collection';
import {CreateButton} from '../ui/Create';
import {Confirm, FormDialog, faultOf} from '../ui/Dialog';
import {Field, Input} from '../ui/Field';
import {Answered} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';

interface Secret {
    name: string;
    createdAt: string;
    updatedAt: string;
}

/// Names only: a value goes in and never comes back.
export function Secrets({job}: {job: Job}) {
    const loaded = useLoad<{secrets: Secret[]}>(`/api/jobs/${job.id}/secrets`);
    const mayEdit = useMay('editor');
    const [setting, setSetting] = useState<string | null>(null);
    const [removing, setRemoving] = useState<string | null>(null);
    const say = useToast();
    const create = mayEdit && <CreateButton onClick={() => setSetting('')}>New secret</CreateButton>;
    return (
        <>
            <Answered loaded={loaded} what="secrets">
                {({secrets}) => (
                    <Collection
                        items={secrets}
                        kind="secrets"
                        emptyTitle="No secrets"
                        emptyText="A secret is given to the job's tests as an environment variable and shown as *** in their output. It is kept encrypted and never readable again."
                        note="Given to the tests as environment; never readable again."
                        create={create}
                    >
                        {(secret) => (
                        <li key={secret.name}>
                            <code class="name">{secret.name}</code>
                            <span class="muted small">
                                set <Time at={secret.updatedAt} />
                            </span>
                            {mayEdit && (
                                <div class="do">
                                    <button type="button" onClick={() => setSetting(secret.name)} aria-label={`Replace ${secret.name}`}>
                                        Replace
                                    </button>
                                    <button type="button" class="danger" onClick={() => setRemoving(secret.name)} aria-label={`Delete ${secret.name}`}>
                                        Delete
                                    </button>
                                </div>
                            )}
                        </li>
                        )}
                    </Collection>
                )}
            </Answered>
            {setting !== null && (
                <SetSecret
                    jobId={job.id}
                    known={setting}
                    onClose={() => setSetting(null)}
                    onDone={(name) => {
                        setSetting(null);
                        say(`${name} is set`);
                        loaded.reload();
                    }}
                />
            )}
            {removing !== null && (
                <Confirm
                    title={`Delete ${removing}?`}
                    verb="Delete secret"
                    danger
                    onClose={() => setRemoving(null)}
                    action={async () => {
                        await api('DELETE', `/api/jobs/${job.id}/secrets/${removing}`);
                        loaded.reload();
                    }}
                >
                    <p>
                        Tests that start from now on run without <code>{removing}</code>.
                    </p>
                </Confirm>
            )}
        </>
    );
}

function SetSecret({jobId, known, onClose, onDone}: {jobId: string; known: string; onClose: () => void; onDone: (name: string) => void}) {
    const [name, setName] = useState(known);
    const [value, setValue] = useState('');
    const save = async () => {
        await api('PUT', `/api/jobs/${jobId}/secrets/${encodeURIComponent(name)}`, {body: {value}});
        onDone(name);
    };
    return (
        <FormDialog title={known ? `Replace ${known}` : 'New secret'} verb="Set" action={save} onClose={onClose}>
            {(error) => (
                <>
                    {!known && <Input label="Name" class="mono" hint="As the tests know it: A–Z, 0–9 and _" required pattern="[A-Z_][A-Z0-9_]{0,63}" value={name} onValue={setName} fault={faultOf(error, 'name')} />}
                    <Field label="Value" fault={faultOf(error, 'value')}>
                        {(attributes) => <textarea {...attributes} class="mono" rows={3} required spellcheck={false} value={value} onInput={(event) => setValue(event.currentTarget.value)} />}
                    </Field>
                </>
            )}
        </FormDialog>
    );
}
