// A run's events (text/event-stream). Read with fetch instead of EventSource, because only so a refusal can be told from
// a broken line, and a new connection can say where the last one ended.
import {ApiError, asApiError, request} from './client';

export interface StreamEvent {
    id: string;
    type: string;
    data: unknown;
}

/// Splits a stream of text into events. What is incomplete is kept for the next piece.
export class EventParser {
    private rest = '';
    private id = '';
    private type = '';
    private data: string[] = [];

    push(text: string, tell: (event: StreamEvent) => void): void {
        this.rest += text;
        let begin = 0;
        for (let end = this.rest.indexOf('\n'); end >= 0; end = this.rest.indexOf('\n', begin)) {
            this.line(this.rest.slice(begin, end), tell);
            begin = end + 1;
        }
        this.rest = this.rest.slice(begin);
    }

    private line(line: string, tell: (event: StreamEvent) => void): void {
        if (line === '') {
            if (this.data.length > 0) tell({id: this.id, type: this.type, data: JSON.parse(this.data.join('\n'))});
            this.type = '';
            this.data = [];
            return;
        }
        const colon = line.indexOf(':');
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = line.slice(colon + 1).replace(/^ /, '');
        if (name === 'id') this.id = value;
        else if (name === 'event') this.type = value;
        else if (name === 'data') this.data.push(value);
    }
}

export interface Watching {
    event: (event: StreamEvent) => void;
    /// The line is broken and will be tried again; null: it is there.
    trouble: (error: ApiError | null) => void;
}

/// Follows a run to its end, over broken lines. Returns what stops it.
export function followRun(runId: string, watching: Watching): () => void {
    const abort = new AbortController();
    let lastId = '';
    let ended = false;

    async function once(): Promise<void> {
        const headers: Record<string, string> = lastId ? {'Last-Event-ID': lastId} : {};
        const response = await request('GET', `/api/runs/${runId}/events`, {headers, signal: abort.signal});
        if (response.status === 204 || !response.body) {
            ended = true;
            return;
        }
        watching.trouble(null);
        const parser = new EventParser();
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
            const {done, value} = await reader.read();
            if (done) return;
            parser.push(value, (event) => {
                lastId = event.id;
                ended = ended || event.type === 'end';
                watching.event(event);
            });
        }
    }

    (async () => {
        for (let pause = 500; !ended && !abort.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
            const begun = Date.now();
            try {
                await once();
            } catch (error) {
                if (abort.signal.aborted) return;
                const refusal = asApiError(error);
                watching.trouble(refusal);
                if (refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429) return;
            }
            if (Date.now() - begun > 10_000) pause = 500;
            if (!ended) await new Promise((resolve) => setTimeout(resolve, pause));
        }
    })();
    return () => abort.abort();
}
