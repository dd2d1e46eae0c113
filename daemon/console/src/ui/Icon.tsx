// A few line icons, drawn here: a font or a library of them would weigh more than the rest of the console.
const paths: Record<string, string> = {
    passed: 'M4 8.5l2.7 2.7L12 5.5',
    failed: 'M5 5l6 6M11 5l-6 6',
    error: 'M8 4v5M8 11.5v.5',
    timeout: 'M8 4.5V8l2.2 1.6',
    cancelled: 'M4.5 11.5l7-7',
    lost: 'M6 6.2a2 2 0 1 1 2.6 2c-.5.2-.6.6-.6 1.2M8 11.5v.4',
    queued: 'M5 8h.1M8 8h.1M11 8h.1',
    running: 'M8 3.5a4.5 4.5 0 1 1-4.5 4.5',
    skipped: 'M5 8h6',
    menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
    up: 'M8 12.5v-9M4 7.5l4-4 4 4',
    down: 'M8 3.5v9M4 8.5l4 4 4-4',
    close: 'M4 4l8 8M12 4l-8 8',
    copy: 'M5.5 5.5V3.2h7.3v7.3h-2.3M3.2 5.5h7.3v7.3H3.2z',
    play: 'M5 3.5v9l7.5-4.5z',
    plus: 'M8 3v10M3 8h10',
    grip: 'M6 4h.1M10 4h.1M6 8h.1M10 8h.1M6 12h.1M10 12h.1',
    theme: 'M8 2.5v11a5.5 5.5 0 0 0 0-11zM8 2.5a5.5 5.5 0 0 0 0 11',
    search: 'M7 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM10 10l3.5 3.5',
};

export function Icon({name, label}: {name: string; label?: string}) {
    return (
        <svg class={`icon icon-${name}`} viewBox="0 0 16 16" role={label ? 'img' : undefined} aria-label={label} aria-hidden={label ? undefined : 'true'}>
            <path d={paths[name] ?? paths['queued']} />
        </svg>
    );
}
