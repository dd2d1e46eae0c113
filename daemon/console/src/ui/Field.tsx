import type {ComponentChildren, JSX} from 'preact';
import {useId} from 'preact/hooks';

interface FieldProps {
    label: string;
    hint?: ComponentChildren;
    fault?: string;
    children: (attributes: {id: string; 'aria-describedby'?: string; 'aria-invalid'?: 'true'}) => ComponentChildren;
}

/// A label, what belongs to it, and what is wrong with it.
export function Field({label, hint, fault, children}: FieldProps) {
    const id = useId();
    const said = [hint ? `${id}h` : '', fault ? `${id}f` : ''].filter(Boolean).join(' ');
    return (
        <div class="field">
            <label for={id}>{label}</label>
            {children({id, 'aria-describedby': said || undefined, 'aria-invalid': fault ? 'true' : undefined})}
            {hint && (
                <p class="hint" id={`${id}h`}>
                    {hint}
                </p>
            )}
            {fault && (
                <p class="fault" id={`${id}f`}>
                    {fault}
                </p>
            )}
        </div>
    );
}

type InputProps = Omit<JSX.IntrinsicElements['input'], 'onInput' | 'value' | 'label'> & {
    label: string;
    hint?: ComponentChildren;
    fault?: string;
    value: string;
    onValue: (value: string) => void;
};

export function Input({label, hint, fault, value, onValue, ...rest}: InputProps) {
    return (
        <Field label={label} hint={hint} fault={fault}>
            {(attributes) => <input {...rest} {...attributes} value={value} onInput={(event) => onValue(event.currentTarget.value)} />}
        </Field>
    );
}

export function Select<T extends string>({
    label,
    hint,
    value,
    options,
    onValue,
    disabled,
}: {
    label: string;
    hint?: ComponentChildren;
    value: T;
    options: readonly (readonly [T, string])[];
    onValue: (value: T) => void;
    disabled?: boolean;
}) {
    return (
        <Field label={label} hint={hint}>
            {(attributes) => (
                <select {...attributes} disabled={disabled} value={value} onChange={(event) => onValue(event.currentTarget.value as T)}>
                    {options.map(([name, text]) => (
                        <option key={name} value={name}>
                            {text}
                        </option>
                    ))}
                </select>
            )}
        </Field>
    );
}

export function Check({label, hint, checked, onValue, disabled}: {label: string; hint?: string; checked: boolean; onValue: (checked: boolean) => void; disabled?: boolean}) {
    const id = useId();
    return (
        <div class="field check">
            <input
                type="checkbox"
                id={id}
                checked={checked}
                disabled={disabled}
                aria-describedby={hint ? `${id}h` : undefined}
                onChange={(event) => onValue(event.currentTarget.checked)}
            />
            <label for={id}>{label}</label>
            {hint && (
                <p class="hint" id={`${id}h`}>
                    {hint}
                </p>
            )}
        </div>
    );
}
