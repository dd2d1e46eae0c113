import {useEffect, useState} from 'preact/hooks';

const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31_536_000],
    ['month', 2_592_000],
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
];
const relative = new Intl.RelativeTimeFormat('en', {numeric: 'auto', style: 'short'});
const absolute = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium'});

export function relativeText(iso: string, now = Date.now()): string {
    const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
    if (Math.abs(seconds) < 5) return 'now';
    for (const [unit, size] of units)
        if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
    return 'now';
}

export const timeText = (iso: string) => absolute.format(new Date(iso));

export function durationText(ms: number | null): string {
    if (ms === null) return '–';
    if (ms < 1000) return `${ms} ms`;
    const seconds = ms / 1000;
    if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function bytesText(bytes: number): string {
    if (bytes < 1024) return `${bytes} B`;
    const unit = ['KiB', 'MiB', 'GiB', 'TiB'];
    let value = bytes / 1024;
    let at = 0;
    for (; value >= 1024 && at < 3; at++) value /= 1024;
    return `${value.toFixed(value < 10 ? 1 : 0)} ${unit[at]}`;
}

/// Shows again every `ms`, so that what says "3 min ago" does not grow old.
export function useNow(ms: number): number {
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), ms);
        return () => clearInterval(timer);
    }, [ms]);
    return now;
}

export function Time({at}: {at: string | null}) {
    const now = useNow(30_000);
    if (!at) return <span class="muted">never</span>;
    return (
        <time dateTime={at} title={timeText(at)}>
            {relativeText(at, Math.max(now, Date.now() - 30_000))}
        </time>
    );
}
