import {useEffect, useRef, useState} from 'preact/hooks';
import {ApiError, asApiError, request} from '../api/client';
import {followRun} from '../api/events';
import {useLoad} from '../api/hooks';
import {hasEnded, type Run} from '../api/types';
import {LogModel, pour} from '../log/LogModel';

/// A run and its output: followed while it goes on, read when it has ended.
export function useRun(id: string) {
    const loaded = useLoad<Run>(`/api/runs/${encodeURIComponent(id)}`);
    const model = useRef(new LogModel()).current;
    const [trouble, setTrouble] = useState<ApiError | null>(null);
    const [loading, setLoading] = useState(true);
    const run = loaded.data;
    const known = run !== null;
    const wasLive = useRef<boolean | null>(null);
    if (run && wasLive.current === null) wasLive.current = !hasEnded(run.status);

    // The titles come with the run, the output by another way.
    useEffect(() => {
        run?.tests.forEach((test) => {
            model.section(test.position).title = test.title;
        });
        model.changed();
    }, [run]);

    useEffect(() => {
        if (!known) return;
        if (!wasLive.current) {
            const abort = new AbortController();
            readAll(run!, model, abort.signal)
                .catch((error) => abort.signal.aborted || setTrouble(asApiError(error)))
                .finally(() => setLoading(false));
            return () => abort.abort();
        }
        let timer = 0;
        const soon = () => {
            clearTimeout(timer);
            timer = window.setTimeout(loaded.reload, 120);
        };
        let attempt = '1';
        const encoder = new TextEncoder();
        const stop = followRun(id, {
            trouble: setTrouble,
            event: (event) => {
                const of = event.id.split('-')[0]!;
                if (of !== attempt) {
                    attempt = of; // begun anew: what the attempt before wrote is in its own log
                    model.clear();
                }
                setLoading(false);
                const data = event.data as {test: number; text: string};
                if (event.type === 'log') model.append(data.test, encoder.encode(data.text));
                else soon();
            },
        });
        // Cancelled, drained, queued again: not everything is an event of the stream.
        const poll = setInterval(() => loaded.reload(), 4000);
        return () => {
            stop();
            clearInterval(poll);
            clearTimeout(timer);
        };
    }, [known, id]);

    return {run, error: loaded.error, model, trouble, loading, reload: loaded.reload};
}

async function readAll(run: Run, model: LogModel, signal: AbortSignal): Promise<void> {
    for (const test of run.tests) {
        if (test.outputBytes === 0) continue;
        const answer = await request('GET', `/api/runs/${run.id}/log?test=${test.position}`, {signal});
        if (answer.body) await pour(model, test.position, answer.body);
    }
}
