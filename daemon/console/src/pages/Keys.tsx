import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useLoad} from '../api/hooks';
import type {Guide, Job, Key} from '../api/types';
import {useMay} from '../session';
import {Collection} from '../ui/Collection';
import {Snippet} from '../ui/Copy';
import {CreateButton} from '../ui/Create';
import {Confirm} from '../ui/Dialog';
import {Answered} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';
import {KeyForm} from './KeyForm';
import {KeyRow} from './KeyRow';
import {KeyRotate} from './KeyRotate';
import {NewKey} from './NewKey';

type Doing = {what: 'create' | 'edit' | 'rotate' | 'delete'; key?: Key} | null;

export function Keys({job}: {job: Job}) {
    const loaded = useLoad<{apiKeys: Key[]}>(`/api/jobs/${job.id}/api-keys`);
    const guide = useLoad<{trigger: Guide}>(`/api/jobs/${job.id}/trigger`);
    const mayEdit = useMay('editor');
    const mayDelete = useMay('admin');
    const [doing, setDoing] = useState<Doing>(null);
    const [fresh, setFresh] = useState<Key | null>(null);
    const say = useToast();
    const done = () => setDoing(null);

    return (
        <>
            {fresh && <NewKey fresh={fresh} url={guide.data?.trigger.url ?? ''} onClose={() => setFresh(null)} />}
            <Answered loaded={loaded} what="keys">
                {({apiKeys: keys}) => (
                    <Collection
                        items={keys}
                        kind="keys"
                        emptyTitle="No API keys yet"
                        emptyText="A pipeline shows a key with each trigger. A key is good for this job only."
                        note={`${keys.length} of 10 keys. ${keys.length >= 10 ? 'Delete one that is no longer used to make room.' : ''}`}
                        create={
                            mayEdit && (
                                <CreateButton disabled={keys.length >= 10} onClick={() => setDoing({what: 'create'})}>
                                    New API key
                                </CreateButton>
                            )
                        }
                    >
                        {(key) => <KeyRow key={key.id} value={key} mayEdit={mayEdit} mayDelete={mayDelete} reload={loaded.reload} onDo={(what) => setDoing({what, key})} />}
                    </Collection>
                )}
            </Answered>
            {guide.data && <HowTo guide={guide.data.trigger} />}
            {doing?.what === 'create' && (
                <KeyForm
                    jobId={job.id}
                    onClose={done}
                    onDone={(key) => {
                        done();
                        setFresh(key);
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'edit' && (
                <KeyForm
                    jobId={job.id}
                    existing={doing.key}
                    onClose={done}
                    onDone={() => {
                        done();
                        say('Saved; the next trigger is judged by it');
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'rotate' && (
                <KeyRotate
                    jobId={job.id}
                    old={doing.key!}
                    onClose={done}
                    onDone={(key) => {
                        done();
                        setFresh(key);
                        loaded.reload();
                    }}
                />
            )}
            {doing?.what === 'delete' && (
                <Confirm
                    title={`Delete the key ${doing.key!.name}?`}
                    verb="Delete key"
                    danger
                    onClose={done}
                    action={async () => {
                        await api('DELETE', `/api/jobs/${job.id}/api-keys/${doing.key!.id}`);
                        say(`${doing.key!.name} is deleted`);
                        loaded.reload();
                    }}
                >
                    <p>
                        Every pipeline that uses <strong>{doing.key!.name}</strong> (<code>{doing.key!.start}…</code>) stops being able to trigger {job.name}, at once. This cannot be taken
                        back; to stop it for a while, disable it instead.
                    </p>
                    <p class="muted">
                        {doing.key!.lastRequest ? (
                            <>
                                It was used {doing.key!.requestCount} times, last <Time at={doing.key!.lastRequest} />.
                            </>
                        ) : (
                            'It was never used.'
                        )}
                    </p>
                </Confirm>
            )}
        </>
    );
}

function HowTo({guide}: {guide: Guide}) {
    return (
        <section class="card howto" aria-labelledby="howto">
            <h2 id="howto">In a pipeline</h2>
            <p class="muted">
                Keep the key as the secret <code>USHER_API_KEY</code>; it never belongs into the file itself. The answer is 202 with the run's id as soon as the run is safely queued.
            </p>
            <Snippet title="curl" text={guide.curl} />
            <Snippet title="GitHub Actions" text={guide.githubActions} />
            <Snippet title="GitLab CI" text={guide.gitlabCi} />
        </section>
    );
}
