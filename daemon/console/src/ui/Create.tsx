import type {ComponentChildren} from 'preact';
import {Icon} from './Icon';

/// What makes another of a list: a button that opens a form, or a link to its page.
export function CreateButton({onClick, disabled, children}: {onClick: () => void; disabled?: boolean; children: ComponentChildren}) {
    return (
        <button type="button" class="primary" disabled={disabled} onClick={onClick}>
            <Icon name="plus" />
            {children}
        </button>
    );
}

export function CreateLink({to, children}: {to: string; children: ComponentChildren}) {
    return (
        <a class="button primary" href={to}>
            <Icon name="plus" />
            {children}
        </a>
    );
}
