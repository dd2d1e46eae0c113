import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {useAction} from '../api/hooks';
import type {Key} from '../api/types';
import {Buttons, Dialog} from '../ui/Dialog';
import {Select} from '../ui/Field';
import {Refusal} from '../ui/States';

const graces = [
    ['0', 'stops at once'],
    ['3600', 'works for another hour'],
    ['86400', 'works for another day'],
    ['604800', 'works for another week'],
] as const;

/// A new key with the same settings; the old one goes when its time of grace is over.
export function KeyRotate({jobId, old, onClose, onDone}: {jobId: string; old: Key; onClose: () => void; onDone: (fresh: Key) => void}) {
    const [grace, setGrace] = useState<(typeof graces)[number][0]>('86400');
    const {run, busy, error} = useAction(async () => {
        const answer = await api<{apiKey: Key}>('POST', `/api/jobs/${jobId}/api-keys/${old.id}/rotate`, {body: {graceSeconds: Number(grace)}});
        onDone(answer.apiKey);
    });
    return (
        <Dialog title={`Rotate ${old.name}`} onClose={onClose}>
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <div class="body">
                    <p>A new key with the same settings is made and shown once.</p>
                    <Select label="The old key" hint="Long enough to bring the new key to every pipeline" value={grace} options={graces} onValue={setGrace} />
                    <Refusal error={error} />
                </div>
                <Buttons busy={busy} verb="Rotate" onCancel={onClose} />
            </form>
        </Dialog>
    );
}
