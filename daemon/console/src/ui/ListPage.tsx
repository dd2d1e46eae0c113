import type {ComponentChildren} from 'preact';
import type {Pages} from '../api/hooks';
import {PageHead} from './Page';
import {Listed} from './States';

/// A page that is a list of rows: its head with what makes another, and the list as far as it was asked for.
export function ListPage<T>({title, what, kind, pages, create, empty, children}: {title: string; what: string; kind: string; pages: Pages<T>; create?: ComponentChildren; empty: ComponentChildren; children: (item: T) => ComponentChildren}) {
    return (
        <>
            <PageHead title={title} actions={create} />
            <Listed pages={pages} what={what} empty={empty}>
                {(items) => <ul class={`rows ${kind}`}>{items.map(children)}</ul>}
            </Listed>
        </>
    );
}
