import {useState} from 'preact/hooks';
import {api} from '../api/client';
import type {Key} from '../api/types';
import {FormDialog} from '../ui/Dialog';
import {Select} from '../ui/Field';

const graces = [
    ['0', 'stops at once'],
    ['3600', 'works for another hour'],
    ['86400', 'works for another day'],
    ['604800', 'works for another week'],
] as const;

/// A new key with the same settings; the old one goes when its time of grace is over.
export function KeyRotate({jobId, old, onClose, onDone}: {jobId: string; old: Key; onClose: () => void; onDone: (fresh: Key) => void}) {
    const [grace, setGrace] = useState<(typeof graces)[number][0]>('86400');
    const rotate = async () => {
        const answer = await api<{apiKey: Key}>('POST', `/api/jobs/${jobId}/api-keys/${old.id}/rotate`, {body: {graceSeconds: Number(grace)}});
        onDone(answer.apiKey);
    };
    return (
        <FormDialog title={`Rotate ${old.name}`} verb="Rotate" action={rotate} onClose={onClose}>
            {() => (
                <>
                    <p>A new key with the same settings is made and shown once.</p>
                    <Select label="The old key" hint="Long enough to bring the new key to every pipeline" value={grace} options={graces} onValue={setGrace} />
                </>
            )}
        </FormDialog>
    );
}
