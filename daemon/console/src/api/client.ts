// Every word between the console and the daemon goes through here, by the public HTTP API.

export interface Detail {
    field: string;
    message: string;
}

/// A refusal in the one shape that the API has, or `UNREACHABLE` when there was no answer at all.
export class ApiError extends Error {
    constructor(
        readonly status: number,
        readonly code: string,
        readonly title: string,
        message: string,
        readonly details: Detail[] = [],
        readonly requestId = '',
    ) {
        super(message);
    }
}

type Listener = () => void;
const sessionEnded = new Set<Listener>();

/// Called when an answer says that nobody is signed in any more.
export function onSessionEnded(listener: Listener): () => void {
    sessionEnded.add(listener);
    return () => sessionEnded.delete(listener);
}

export interface Options {
    body?: unknown;
    signal?: AbortSignal;
    headers?: Record<string, string>;
    /// A 401 is the answer to what was asked here, and says nothing about the session.
    ownCredential?: boolean;
}

export async function refusalOf(response: Response): Promise<ApiError> {
    const text = await response.text().catch(() => '');
    try {
        const body = JSON.parse(text);
        return new ApiError(response.status, body.code, body.error, body.message, body.details ?? [], body.requestId);
    } catch {
        return new ApiError(
            response.status,
            'UNEXPECTED',
            `Unexpected answer (${response.status})`,
            'Something between this browser and usherd answered instead of it.',
        );
    }
}

export async function request(method: string, path: string, options: Options = {}): Promise<Response> {
    const headers: Record<string, string> = {...options.headers};
    if (options.body !== undefined) headers['Content-Type'] = 'application/json';
    let response: Response;
    try {
        response = await fetch(path, {
            method,
            headers,
            body: options.body === undefined ? undefined : JSON.stringify(options.body),
            signal: options.signal,
            credentials: options.ownCredential && headers['Authorization'] ? 'omit' : 'same-origin',
            cache: 'no-store',
        });
    } catch (error) {
        if (error instanceof DOMException && error.name === 'AbortError') throw error;
        throw new ApiError(0, 'UNREACHABLE', 'Usher does not answer', 'Check the network, and that usherd is running; then try again.');
    }
    if (response.ok) return response;
    const refusal = await refusalOf(response);
    if (response.status === 401 && !options.ownCredential) sessionEnded.forEach((tell) => tell());
    throw refusal;
}

export async function api<T>(method: string, path: string, options: Options = {}): Promise<T> {
    return (await (await request(method, path, options)).json()) as T;
}

export const get = <T>(path: string, signal?: AbortSignal) => api<T>('GET', path, {signal});

export function asApiError(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    return new ApiError(0, 'CONSOLE', 'Something went wrong in the console', error instanceof Error ? error.message : String(error));
}
