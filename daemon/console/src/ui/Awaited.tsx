import type {ComponentChildren} from 'preact';
import type {Loaded} from '../api/hooks';
import {PageHead} from './Page';
import {Answered} from './States';

/// The page of one thing, which has a head of its own once the thing is known, and this one until then.
export function Awaited<T>({loaded, title, crumb, what, children}: {loaded: Loaded<T>; title: string; crumb?: ComponentChildren; what: string; children: (data: T) => ComponentChildren}) {
    return (
        <>
            {!loaded.data && <PageHead title={title} crumb={crumb} />}
            <Answered loaded={loaded} what={what}>
                {children}
            </Answered>
        </>
    );
}
