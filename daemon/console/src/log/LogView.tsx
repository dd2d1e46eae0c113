import {useEffect, useLayoutEffect, useReducer, useRef, useState} from 'preact/hooks';
import {Icon} from '../ui/Icon';
import {bytesText} from '../ui/Time';
import {parseAnsi} from './Ansi';
import type {LogModel, Row, Section} from './LogModel';

const rowHeight = 20;
/// Browsers give up on boxes that are higher; beyond it a pixel of the scroll bar is more than a pixel of text.
const highest = 15_000_000;

interface Props {
    model: LogModel;
    live: boolean;
    failed: Set<number>;
    only: number | null;
    loading: boolean;
    downloadUrl: string;
}

/// The output, of which only what is seen exists as elements.
export function LogView({model, live, failed, only, loading, downloadUrl}: Props) {
    const [, redraw] = useReducer((n: number) => n + 1, 0);
    const scroller = useRef<HTMLDivElement>(null);
    const [follow, setFollow] = useState(live);
    const [query, setQuery] = useState('');
    const [found, setFound] = useState<{rows: number[]; at: number; done: boolean} | null>(null);
    const [marked, setMarked] = useState(-1);

    useEffect(() => model.subscribe(() => redraw(0)), [model]);
    useEffect(() => {
        const observer = new ResizeObserver(() => redraw(0));
        observer.observe(scroller.current!);
        return () => observer.disconnect();
    }, []);
    useEffect(() => setFollow(live), [live]);

    const shown = only === null ? model.sections : model.sections.filter((one) => one.position === only);
    const total = model.rows(shown);
    const height = scroller.current?.clientHeight ?? 400;
    const fits = Math.max(1, Math.floor(height / rowHeight));
    const full = total * rowHeight;
    const virtual = Math.min(full, highest);
    const hidden = Math.max(0, total - fits);
    const top = scroller.current?.scrollTop ?? 0;
    const exact = virtual > height ? (top / (virtual - height)) * (full - height) / rowHeight : 0;
    const first = Math.max(0, Math.min(hidden, Math.floor(exact)));
    const offset = -Math.round((Math.min(exact, hidden + 1) - first) * rowHeight);

    const goTo = (row: number) => {
        const box = scroller.current!;
        const pixel = Math.max(0, row * rowHeight - height / 3);
        box.scrollTop = full > height ? (pixel / (full - height)) * (virtual - height) : 0;
        setMarked(row);
        redraw(0);
    };

    useLayoutEffect(() => {
        if (follow && scroller.current) scroller.current.scrollTop = virtual;
    });

    useEffect(() => {
        setMarked(-1);
        if (query.length < 2) {
            setFound(null);
            return;
        }
        let stopped = false;
        let jumped = false;
        const timer = setTimeout(
            () =>
                model.search(
                    shown,
                    query,
                    (rows, done) => {
                        if (stopped) return;
                        setFound((old) => ({rows, done, at: old?.at ?? 0}));
                        if (rows.length > 0 && !jumped) {
                            jumped = true;
                            setFollow(false);
                            goTo(rows[0]!);
                        }
                    },
                    () => stopped,
                ),
            200,
        );
        setFound({rows: [], at: 0, done: false});
        return () => {
            stopped = true;
            clearTimeout(timer);
        };
    }, [query, only, model]);

    const step = (by: number) => {
        if (!found || found.rows.length === 0) return;
        const at = (found.at + by + found.rows.length) % found.rows.length;
        setFound({...found, at});
        goTo(found.rows[at]!);
    };

    const bytes = shown.reduce((sum, one) => sum + one.buffer.size, 0);
    const rows: [number, Row][] = [];
    for (let i = first; i < Math.min(total, first + fits + 2); i++) {
        const row = model.row(shown, i);
        if (row) rows.push([i, row]);
    }

    return (
        <div class="log">
            <div class="log-bar" role="group" aria-label="Output">
                <span class="search">
                    <Icon name="search" />
                    <input
                        type="search"
                        placeholder="Search the output"
                        aria-label="Search the output"
                        value={query}
                        onInput={(event) => setQuery(event.currentTarget.value)}
                        onKeyDown={(event) => {
                            if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
                        }}
                    />
                </span>
                <span class={found ? 'found wide' : 'found'} role="status">
                    {found && (found.rows.length > 0 ? `${found.at + 1} of ${found.rows.length}${found.done ? '' : '…'}` : found.done ? 'none' : '…')}
                </span>
                {found && (
                    <>
                        <button type="button" class="square" aria-label="Match before" disabled={found.rows.length === 0} onClick={() => step(-1)}>
                            <Icon name="up" />
                        </button>
                        <button type="button" class="square" aria-label="Next match" disabled={found.rows.length === 0} onClick={() => step(1)}>
                            <Icon name="down" />
                        </button>
                    </>
                )}
                <span class="spring" />
                {failed.size > 0 && (
                    <button
                        type="button"
                        onClick={async () => {
                            setFollow(false);
                            goTo(await model.firstFailure(shown, failed));
                        }}
                    >
                        First failure
                    </button>
                )}
                {live && (
                    <button type="button" aria-pressed={follow} onClick={() => setFollow(!follow)}>
                        Follow
                    </button>
                )}
                <a class="button" href={downloadUrl} download>
                    Download<span class="muted"> {bytesText(bytes)}</span>
                </a>
            </div>
            <div
                class="log-scroll"
                ref={scroller}
                tabIndex={0}
                role="region"
                aria-label="Output of the run"
                onScroll={(event) => {
                    const box = event.currentTarget;
                    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - rowHeight;
                    if (follow && !atEnd) setFollow(false);
                    else if (live && !follow && atEnd) setFollow(true);
                    redraw(0);
                }}
            >
                <div class="log-all" style={{height: `${virtual}px`}}>
                    <div class="log-rows" style={{height: `${Math.min(height, virtual)}px`}}>
                        <div style={{transform: `translateY(${offset}px)`}}>
                            {rows.map(([index, row]) => (
                                <LogRow key={index} row={row} marked={index === marked} />
                            ))}
                        </div>
                    </div>
                </div>
                {total <= shown.length && <p class="log-none">{loading ? 'Loading…' : live ? 'Nothing was written yet.' : 'Nothing was written.'}</p>}
            </div>
        </div>
    );
}

function titleOf(section: Section): string {
    return `${section.position + 1}. ${section.title}`;
}

function LogRow({row, marked}: {row: Row; marked: boolean}) {
    if (row.kind === 'title') return <div class={marked ? 'row title marked' : 'row title'}>{titleOf(row.section)}</div>;
    return (
        <div class={marked ? 'row marked' : 'row'}>
            <span class="number" aria-hidden="true">
                {row.line + 1}
            </span>
            <span class="text" dir="ltr">
                {parseAnsi(row.text).map((span, i) => (
                    <span key={i} class={span.classes || undefined} style={span.colour || span.background ? {color: span.colour, backgroundColor: span.background} : undefined}>
                        {span.text}
                    </span>
                ))}
            </span>
        </div>
    );
}
