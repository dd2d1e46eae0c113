import {useCallback, useEffect, useRef, useState} from 'preact/hooks';
import {ApiError, asApiError, get} from './client';

export interface Loaded<T> {
    data: T | null;
    error: ApiError | null;
    loading: boolean;
    reload: () => void;
    /// Shows this at once: what an answer to a change has told.
    set: (data: T) => void;
}

/// What `path` answers; null asks nothing. With `every`, asked again so often while the page is looked at; a failure
/// then keeps what was shown.
export function useLoad<T>(path: string | null, every?: number): Loaded<T> {
    const [state, setState] = useState<{path: string | null; data: T | null; error: ApiError | null}>({path, data: null, error: null});
    const [asked, setAsked] = useState(0);
    const newest = useRef(0);

    useEffect(() => {
        if (path === null) return;
        const abort = new AbortController();
        const turn = ++newest.current;
        get<T>(path, abort.signal)
            .then((data) => turn === newest.current && setState({path, data, error: null}))
            .catch((error) => {
                if (abort.signal.aborted || turn !== newest.current) return;
                setState((old) => ({path, data: old.path === path ? old.data : null, error: asApiError(error)}));
            });
        return () => abort.abort();
    }, [path, asked]);

    useEffect(() => {
        if (!every) return;
        const timer = setInterval(() => document.visibilityState === 'visible' && setAsked((n) => n + 1), every);
        return () => clearInterval(timer);
    }, [every, path]);

    const current = state.path === path;
    const reload = useCallback(() => setAsked((n) => n + 1), []);
    const set = useCallback(
        (data: T) => {
            newest.current++;
            setState({path, data, error: null});
        },
        [path],
    );
    const data = current ? state.data : null;
    const error = current ? state.error : null;
    return {data, error, loading: path !== null && data === null && error === null, reload, set};
}

export interface Pages<T> {
    items: T[] | null;
    error: ApiError | null;
    /// Null when this is all.
    more: (() => void) | null;
    loadingMore: boolean;
    reload: () => void;
}

type Page<T> = {nextCursor: string | null} & Record<string, T[] | string | null>;

/// A list that comes page by page. With `every`, the first page is asked again so often, as long as it is the only one.
export function usePages<T>(path: string, name: string, every?: number): Pages<T> {
    const first = useLoad<Page<T>>(path, every);
    const [rest, setRest] = useState<{path: string; items: T[]; cursor: string | null; error: ApiError | null} | null>(null);
    const [loadingMore, setLoadingMore] = useState(false);
    const mine = rest !== null && rest.path === path ? rest : null;

    const cursor = mine ? mine.cursor : (first.data?.nextCursor ?? null);
    const firstItems = first.data ? (first.data[name] as T[]) : null;
    const kept = useRef<T[] | null>(null);
    // Once a second page is shown the first stands still: else the two would drift apart.
    if (!mine) kept.current = firstItems;

    const more = async () => {
        setLoadingMore(true);
        try {
            const page = await get<Page<T>>(`${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor!)}`);
            setRest({path, items: [...(mine?.items ?? []), ...(page[name] as T[])], cursor: page.nextCursor, error: null});
        } catch (error) {
            setRest({path, items: mine?.items ?? [], cursor, error: asApiError(error)});
        }
        setLoadingMore(false);
    };
    return {
        items: kept.current ? [...kept.current, ...(mine?.items ?? [])] : null,
        error: mine?.error ?? first.error,
        more: cursor ? more : null,
        loadingMore,
        reload: () => {
            setRest(null);
            first.reload();
        },
    };
}

/// An action with its own state: running, refused with. `run` resolves to whether it went well.
export function useAction(action: () => Promise<void>): {run: () => Promise<boolean>; busy: boolean; error: ApiError | null; clear: () => void} {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<ApiError | null>(null);
    const run = async () => {
        setBusy(true);
        setError(null);
        try {
            await action();
            return true;
        } catch (thrown) {
            setError(asApiError(thrown));
            return false;
        } finally {
            setBusy(false);
        }
    };
    return {run, busy, error, clear: () => setError(null)};
}
