import type {ComponentChildren} from 'preact';
import {useEffect, useRef} from 'preact/hooks';

const landedOn = location.pathname;
let moved = false; // to another page since the document was loaded

/// A page's head. The heading takes the focus when the address has changed, so that a screen reader says where it is.
export function PageHead({title, crumb, actions, children}: {title: string; crumb?: ComponentChildren; actions?: ComponentChildren; children?: ComponentChildren}) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        document.title = `${title} · Usher`;
    }, [title]);
    useEffect(() => {
        moved ||= location.pathname !== landedOn;
        if (moved) heading.current?.focus({preventScroll: true}); // on the first page the browser's own order is right
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
    const bar = useRef<HTMLElement>(null);
    // On a narrow screen the bar is scrolled: not past the tab that is shown.
    useEffect(() => bar.current?.querySelector('[aria-current]')?.scrollIntoView({block: 'nearest', inline: 'center'}), [current]);
    return (
        <nav class="tabs" aria-label={label} ref={bar}>
            {tabs.map(([address, name]) => (
                <a key={address} href={address} aria-current={address === current ? 'page' : undefined}>
                    {name}
                </a>
            ))}
        </nav>
    );
}
