import {Check, Input} from '../ui/Field';
import {Icon} from '../ui/Icon';

export interface Draft {
    name: string;
    required: boolean;
    default: string;
    pattern: string;
}

/// As the API takes it: without what is empty.
export function cleaned(drafts: {name: string; required?: boolean; default?: string | null; pattern?: string | null}[]) {
    return drafts.map((one) => ({
        name: one.name.trim(),
        required: one.required ?? false,
        ...(one.default && {default: one.default}),
        ...(one.pattern && {pattern: one.pattern}),
    }));
}

/// What a trigger may say. Reaches the tests as environment.
export function Parameters({value, onValue}: {value: Draft[]; onValue: (value: Draft[]) => void}) {
    const set = (i: number, change: Partial<Draft>) => onValue(value.map((one, k) => (k === i ? {...one, ...change} : one)));
    return (
        <>
            {value.length === 0 && <p class="muted parameters-none">None. A trigger may then say nothing more than “run”.</p>}
            {value.map((one, i) => (
                <div class="parameter" key={i} role="group" aria-label={`Parameter ${i + 1}`}>
                    <Input label="Name" class="mono" required pattern="[A-Z_][A-Z0-9_]{0,63}" title="A–Z, 0–9 and _, at most 64" value={one.name} onValue={(name) => set(i, {name})} />
                    <Input label="Default" class="mono" value={one.default} onValue={(text) => set(i, {default: text})} />
                    <Input label="Pattern" class="mono" placeholder="[a-z]+" maxLength={256} value={one.pattern} onValue={(pattern) => set(i, {pattern})} />
                    <Check label="required" checked={one.required} onValue={(required) => set(i, {required})} />
                    <button type="button" class="square" aria-label={`Remove parameter ${one.name}`} onClick={() => onValue(value.filter((_, k) => k !== i))}>
                        <Icon name="close" />
                    </button>
                </div>
            ))}
            <p class="parameters-add">
                <button type="button" onClick={() => onValue([...value, {name: '', required: false, default: '', pattern: ''}])}>
                    <Icon name="plus" />
                    Add a parameter
                </button>
            </p>
        </>
    );
}
