// All of a run's output: one section per test, each with a headline, as one list of rows.
import {LogBuffer} from './LogBuffer';
import {withoutEscapes} from './Ansi';

export interface Section {
    position: number;
    title: string;
    buffer: LogBuffer;
}

export type Row = {kind: 'title'; section: Section} | {kind: 'text'; section: Section; line: number; text: string};

/// Something else to do comes first: a frame must not wait for us.
const breathe = () => new Promise<void>((resolve) => setTimeout(resolve));
const slice = 25; // ms

const failure = /(^|[^\w-])(not ok|FAIL(ED|URE)?|AssertionError|Traceback|panic:|\w*(Error|Exception):)|[✗✘✖×]/;

export class LogModel {
    sections: Section[] = [];
    private listeners = new Set<() => void>();
    private told = false;

    section(position: number): Section {
        let found = this.sections.find((one) => one.position === position);
        if (!found) {
            found = {position, title: `Test ${position + 1}`, buffer: new LogBuffer()};
            this.sections.push(found);
            this.sections.sort((a, b) => a.position - b.position);
        }
        return found;
    }

    clear(): void {
        this.sections = [];
        this.changed();
    }

    append(position: number, bytes: Uint8Array): void {
        this.section(position).buffer.append(bytes);
        this.changed();
    }

    /// At most once a frame.
    changed(): void {
        if (this.told) return;
        this.told = true;
        requestAnimationFrame(() => {
            this.told = false;
            this.listeners.forEach((tell) => tell());
        });
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    rows(shown: Section[]): number {
        return shown.reduce((sum, one) => sum + 1 + one.buffer.rows, 0);
    }

    row(shown: Section[], index: number): Row | null {
        for (const section of shown) {
            if (index === 0) return {kind: 'title', section};
            index--;
            if (index < section.buffer.rows) return {kind: 'text', section, line: index, text: section.buffer.row(index)};
            index -= section.buffer.rows;
        }
        return null;
    }

    /// Rows that contain `text`, in any case; in pieces, told as they are found.
    async search(shown: Section[], text: string, tell: (rows: number[], done: boolean) => void, stopped: () => boolean): Promise<void> {
        const wanted = text.toLowerCase();
        const found: number[] = [];
        let until = performance.now() + slice;
        let base = 0;
        for (const section of shown) {
            base++;
            for (let i = 0; i < section.buffer.rows; i++) {
                if (withoutEscapes(section.buffer.row(i)).toLowerCase().includes(wanted)) found.push(base + i);
                if (found.length >= 10_000) return tell(found, true);
                if ((i & 255) === 0 && performance.now() > until) {
                    tell(found.slice(), false);
                    await breathe();
                    if (stopped()) return;
                    until = performance.now() + slice;
                }
            }
            base += section.buffer.rows;
        }
        tell(found, true);
    }

    /// The first row that speaks of a failure in the first of these tests that failed; its headline when none does.
    async firstFailure(shown: Section[], failed: Set<number>): Promise<number> {
        let base = 0;
        let until = performance.now() + slice;
        for (const section of shown) {
            if (failed.has(section.position)) {
                for (let i = 0; i < section.buffer.rows; i++) {
                    if (failure.test(withoutEscapes(section.buffer.row(i)))) return base + 1 + i;
                    if ((i & 255) === 0 && performance.now() > until) {
                        await breathe();
                        until = performance.now() + slice;
                    }
                }
                return base;
            }
            base += 1 + section.buffer.rows;
        }
        return 0;
    }
}

/// Reads a stream into a section without holding the page up.
export async function pour(model: LogModel, position: number, stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    let until = performance.now() + slice;
    for (;;) {
        const {done, value} = await reader.read();
        if (done) return;
        for (let at = 0; at < value.length; at += 1 << 18) {
            model.append(position, value.subarray(at, at + (1 << 18)));
            if (performance.now() > until) {
                await breathe();
                until = performance.now() + slice;
            }
        }
    }
}
