import type {ComponentChildren} from 'preact';
import {useEffect, useId, useRef} from 'preact/hooks';
import type {ApiError} from '../api/client';
import {useAction} from '../api/hooks';
import {Icon} from './Icon';
import {Refusal} from './States';

/// A modal dialog: the browser's own, which keeps the focus, closes on Escape and gives the focus back.
export function Dialog({title, onClose, children, wide}: {title: string; onClose: () => void; children: ComponentChildren; wide?: boolean}) {
    const dialog = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const element = dialog.current!;
        element.showModal();
        return () => element.close(); // while it is there yet: this gives the focus back
    }, []);
    return (
        <dialog
            ref={dialog}
            class={wide ? 'wide' : undefined}
            aria-labelledby={id}
            onCancel={(event) => {
                event.preventDefault();
                onClose();
            }}
        >
            <header>
                <h2 id={id}>{title}</h2>
                <button type="button" class="quiet square" aria-label="Close" onClick={onClose}>
                    <Icon name="close" />
                </button>
            </header>
            {children}
        </dialog>
    );
}

/// A dialog that is a form: what was typed is sent by Enter too, and a refusal stands below it. `children` get the refusal,
/// for what it says of a field (faultOf).
export function FormDialog({
    title,
    verb,
    action,
    onClose,
    children,
}: {
    title: string;
    verb: string;
    action: () => Promise<void>;
    onClose: () => void;
    children: (error: ApiError | null) => ComponentChildren;
}) {
    const {run, busy, error} = useAction(action);
    return (
        <Dialog title={title} onClose={onClose}>
            <form
                autocomplete="off"
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <div class="body">
                    {children(error)}
                    <Refusal error={error} />
                </div>
                <Buttons busy={busy} verb={verb} onCancel={onClose} />
            </form>
        </Dialog>
    );
}

/// Asks before something is done that cannot be taken back. Says what stops working, in `children`.
export function Confirm({
    title,
    verb,
    danger,
    action,
    onClose,
    children,
}: {
    title: string;
    verb: string;
    danger?: boolean;
    action: () => Promise<void>;
    onClose: () => void;
    children: ComponentChildren;
}) {
    const {run, busy, error} = useAction(action);
    return (
        <Dialog title={title} onClose={onClose}>
            <div class="body">{children}</div>
            <Refusal error={error} />
            <Buttons busy={busy} verb={verb} danger={danger} onCancel={onClose} onDo={async () => (await run()) && onClose()} />
        </Dialog>
    );
}

export function Buttons({
    busy,
    verb,
    danger,
    onCancel,
    onDo,
}: {
    busy: boolean;
    verb: string;
    danger?: boolean;
    onCancel: () => void;
    /// Without: a form is sent.
    onDo?: () => void;
}) {
    return (
        <footer>
            <button type="button" onClick={onCancel}>
                Cancel
            </button>
            <button type={onDo ? 'button' : 'submit'} class={danger ? 'danger' : 'primary'} disabled={busy} onClick={onDo}>
                {busy ? 'One moment…' : verb}
            </button>
        </footer>
    );
}

/// The message of a refusal that belongs to a field.
export const faultOf = (error: ApiError | null, field: string) => error?.details.find((detail) => detail.field === field)?.message;
