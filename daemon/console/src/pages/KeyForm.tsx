import {useState} from 'preact/hooks';
import {api} from '../api/client';
import type {Key} from '../api/types';
import {FormDialog, faultOf} from '../ui/Dialog';
import {Check, Field, Input, Select} from '../ui/Field';

const presets = [
    ['keep', 'as it is'],
    ['never', 'never'],
    ['604800', 'in 7 days'],
    ['2592000', 'in 30 days'],
    ['7776000', 'in 90 days'],
    ['31536000', 'in a year'],
    ['date', 'on a day of your choice'],
] as const;
type Expiry = (typeof presets)[number][0];

/// Local day, as <input type="date"> writes it.
const dayText = (time: Date) => new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);

function secondsUntil(day: string): number {
    return Math.floor((new Date(`${day}T23:59:59`).getTime() - Date.now()) / 1000);
}

/// Makes a key, or changes one. What is not touched is not sent.
export function KeyForm({jobId, existing, onClose, onDone}: {jobId: string; existing?: Key; onClose: () => void; onDone: (key: Key) => void}) {
    const [name, setName] = useState(existing?.name ?? '');
    const [expiry, setExpiry] = useState<Expiry>(existing ? 'keep' : '7776000');
    const [day, setDay] = useState(dayText(new Date(Date.now() + 30 * 86_400_000)));
    const [limited, setLimited] = useState(existing ? existing.rateLimit !== null : true);
    const [max, setMax] = useState(String(existing?.rateLimit?.max ?? 100));
    const [windowSeconds, setWindow] = useState(String(existing?.rateLimit?.windowSeconds ?? 60));
    const [remaining, setRemaining] = useState(existing?.remaining?.toString() ?? '');
    const [addresses, setAddresses] = useState(existing?.allowedAddresses?.join('\n') ?? '');

    const save = async () => {
        const list = addresses
            .split(/[\s,]+/)
            .map((one) => one.trim())
            .filter(Boolean);
        const body: Record<string, unknown> = {
            name,
            rateLimit: limited ? {max: Number(max), windowSeconds: Number(windowSeconds)} : null,
            remaining: remaining === '' ? null : Number(remaining),
            allowedAddresses: list.length > 0 ? list : null,
        };
        if (expiry === 'never') body['expiresIn'] = null;
        else if (expiry === 'date') body['expiresIn'] = secondsUntil(day);
        else if (expiry !== 'keep') body['expiresIn'] = Number(expiry);
        const answer = existing
            ? await api<{apiKey: Key}>('PATCH', `/api/jobs/${jobId}/api-keys/${existing.id}`, {body})
            : await api<{apiKey: Key}>('POST', `/api/jobs/${jobId}/api-keys`, {body});
        onDone(answer.apiKey);
    };
    const now = Date.now();
    return (
        <FormDialog title={existing ? `Edit ${existing.name}` : 'New API key'} verb={existing ? 'Save' : 'Create key'} action={save} onClose={onClose}>
            {(error) => (
                <>
                    <Input label="Name" hint="What uses it, for example “deploy pipeline”" required maxLength={100} autofocus value={name} onValue={setName} fault={faultOf(error, 'name')} />
                    <Select label="Expires" value={expiry} onValue={setExpiry} options={presets.filter(([value]) => existing || value !== 'keep')} />
                    {expiry === 'date' && (
                        <Input
                            label="Last day"
                            type="date"
                            required
                            min={dayText(new Date(now))}
                            max={dayText(new Date(now + 364 * 86_400_000))}
                            value={day}
                            onValue={setDay}
                            fault={faultOf(error, 'expiresIn')}
                        />
                    )}
                    <details open={existing !== undefined}>
                        <summary>Limits and addresses</summary>
                        <Check label="Limit the rate" checked={limited} onValue={setLimited} />
                        {limited && (
                            <div class="pair">
                                <Input label="Triggers" type="number" min={1} max={10_000} required value={max} onValue={setMax} fault={faultOf(error, 'rateLimit.max')} />
                                <Input label="in so many seconds" type="number" min={1} max={86_400} required value={windowSeconds} onValue={setWindow} fault={faultOf(error, 'rateLimit.windowSeconds')} />
                            </div>
                        )}
                        <Input
                            label="Uses"
                            type="number"
                            min={0}
                            hint="After so many triggers it is used up; empty: any number"
                            value={remaining}
                            onValue={setRemaining}
                            fault={faultOf(error, 'remaining')}
                        />
                        <Field label="Only from these addresses" hint="Addresses or CIDR blocks, one a line; empty: from anywhere" fault={faultOf(error, 'allowedAddresses')}>
                            {(attributes) => (
                                <textarea {...attributes} class="mono" rows={2} spellcheck={false} placeholder="192.0.2.0/24" value={addresses} onInput={(event) => setAddresses(event.currentTarget.value)} />
                            )}
                        </Field>
                    </details>
                </>
            )}
        </FormDialog>
    );
}
