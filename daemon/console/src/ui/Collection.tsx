import type {ComponentChildren} from 'preact';
import {Empty} from './States';

/// What belongs to a job: a word about it while there is none, else a line, the button for another, and the rows.
export function Collection<T>({
    items,
    kind,
    emptyTitle,
    emptyText,
    note,
    create,
    children,
}: {
    items: T[];
    kind: string;
    emptyTitle: string;
    emptyText: string;
    note: ComponentChildren;
    create: ComponentChildren;
    children: (item: T) => ComponentChildren;
}) {
    if (items.length === 0)
        return (
            <Empty title={emptyTitle}>
                <p>{emptyText}</p>
                {create}
            </Empty>
        );
    return (
        <>
            <div class="section-head">
                <p class="muted">{note}</p>
                {create}
            </div>
            <ul class={`rows ${kind}`}>{items.map(children)}</ul>
        </>
    );
}
