import type {ComponentChildren} from 'preact';
import type {ApiError} from '../api/client';
import type {Loaded, Pages} from '../api/hooks';

/// What stands where a page's content will be. Shown only after a moment: what comes at once must not flicker.
export function Loading({what}: {what: string}) {
    return (
        <div class="state loading" role="status">
            <span class="spinner" aria-hidden="true" />
            Loading {what}…
        </div>
    );
}

export function Trouble({error, retry}: {error: ApiError; retry?: () => void}) {
    return (
        <div class="state trouble" role="alert">
            <strong>{error.title}</strong>
            <p>{error.message}</p>
            {error.requestId && (
                <p class="muted small">
                    Request <code>{error.requestId}</code>
                </p>
            )}
            {retry && (
                <button type="button" onClick={retry}>
                    Try again
                </button>
            )}
        </div>
    );
}

/// A refusal beside what was tried: short, and announced.
export function Refusal({error}: {error: ApiError | null}) {
    return (
        <div role="alert">
            {error && (
                <p class="refusal">
                    <strong>{error.title}.</strong> {error.message}
                    {error.details.length > 0 && (
                        <ul>
                            {error.details.map((detail) => (
                                <li key={detail.field}>
                                    {detail.field && <code>{detail.field}</code>} {detail.message}
                                </li>
                            ))}
                        </ul>
                    )}
                </p>
            )}
        </div>
    );
}

export function Empty({title, children}: {title: string; children?: ComponentChildren}) {
    return (
        <div class="state empty">
            <strong>{title}</strong>
            {children}
        </div>
    );
}

/// Loading, refused, or what was answered.
export function Answered<T>({loaded, what, children}: {loaded: Loaded<T>; what: string; children: (data: T) => ComponentChildren}) {
    if (loaded.data) return <>{children(loaded.data)}</>;
    return loaded.error ? <Trouble error={loaded.error} retry={loaded.reload} /> : <Loading what={what} />;
}

/// Loading, refused, empty, or the list and the button for its next page.
export function Listed<T>({
    pages,
    what,
    empty,
    children,
}: {
    pages: Pages<T>;
    what: string;
    empty: ComponentChildren;
    children: (items: T[]) => ComponentChildren;
}) {
    const {items, error, more, loadingMore, reload} = pages;
    if (!items) return error ? <Trouble error={error} retry={reload} /> : <Loading what={what} />;
    if (items.length === 0) return <>{empty}</>;
    return (
        <>
            {error && <Trouble error={error} retry={reload} />}
            {children(items)}
            {more && (
                <p class="more">
                    <button type="button" onClick={more} disabled={loadingMore}>
                        {loadingMore ? 'Loading…' : 'Show more'}
                    </button>
                    <span class="muted small">{items.length} shown</span>
                </p>
            )}
        </>
    );
}
