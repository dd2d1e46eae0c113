import type {ComponentChildren} from 'preact';
import {useEffect, useRef} from 'preact/hooks';

/// A page's head. The heading takes the focus when the address has changed, so that a screen reader says where it is.
export function PageHead({title, crumb, actions, children}: {title: string; crumb?: ComponentChildren; actions?: ComponentChildren; children?: ComponentChildren}) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        document.title = `${title} · Usher`;
    }, [title]);
    useEffect(() => {
        // Not on the first page: there the browser's own order is right.
        if (history.state !== null || performance.now() > 3000) heading.current?.focus({preventScroll: true});
    }, []);
    return (
        <div class="page-head">
            <div>
                {crumb && <p class="crumb">{crumb}</p>}
                <h1 ref={heading} tabIndex={-1}>
                    {title}
                </h1>
                {children}
            </div>
            {actions && <div class="actions">{actions}</div>}
        </div>
    );
}

export function Tabs({label, tabs, current}: {label: string; tabs: [string, string][]; current: string}) {
    return (
        <nav class="tabs" aria-label={label}>
            {tabs.map(([address, name]) => (
                <a key={address} href={address} aria-current={address === current ? 'page' : undefined}>
                    {name}
                </a>
            ))}
        </nav>
    );
}
