import type {ComponentChildren} from 'preact';
import {useEffect} from 'preact/hooks';

/// The frame of the pages for those who are not in yet.
export function Door({title, children}: {title: string; children: ComponentChildren}) {
    useEffect(() => {
        document.title = `${title} · Usher`;
    }, [title]);
    return (
        <main class="door">
            <p class="door-brand">
                <img src="/favicon.svg" alt="" width="36" height="36" />
                Usher
            </p>
            <section class="card">
                <h1>{title}</h1>
                {children}
            </section>
        </main>
    );
}
