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
const {scheduler} = globalThis as {scheduler?: {yield?: () => Promise<void>}};
const breathe = (): Promise<void> => scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve));

/// Lets others have their turn as soon as ours has lasted this long.
class Turn {
    private static readonly ms = 10;
    private until = performance.now() + Turn.ms;

    async over(): Promise<void> {
        if (performance.now() < this.until) return;
        await breathe();
        this.until = performance.now() + Turn.ms;
    }
}

const failure = /(^|[^\w-])(not ok|FAIL(ED|URE)?|AssertionError|Traceback|panic:|\w*(Error|Exception):)|[✗✘✖×]/m;

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
        const has = (line: string) => line.toLowerCase().includes(wanted);
        const found: number[] = [];
        const turn = new Turn();
        let told = performance.now();
        let base = 0;
        for (const section of shown) {
            base++;
            for await (const row of rowsWith(section.buffer, has, turn)) {
                if (stopped()) return;
                if (row !== null) found.push(base + row);
                if (found.length >= 10_000) return tell(found, true);
                if (performance.now() - told < 100) continue;
                told = performance.now();
                tell(found.slice(), false);
            }
            base += section.buffer.rows;
        }
        tell(found, true);
    }

    /// The first row that speaks of a failure in the first of these tests that failed; its headline when none does.
    async firstFailure(shown: Section[], failed: Set<number>): Promise<number> {
        let base = 0;
        for (const section of shown) {
            if (failed.has(section.position)) {
                for await (const row of rowsWith(section.buffer, (line) => failure.test(line), new Turn())) if (row !== null) return base + 1 + row;
                return base;
            }
            base += 1 + section.buffer.rows;
        }
        return 0;
    }
}

/// The rows of which `has` is true, looked for in whole blocks first; null after each block.
async function* rowsWith(buffer: LogBuffer, has: (text: string) => boolean, turn: Turn): AsyncGenerator<number | null> {
    for (let at = 0; at < buffer.rows; ) {
        const {text, end} = buffer.block(at);
        if (has(withoutEscapes(text))) for (let row = at; row < end; row++) if (has(withoutEscapes(buffer.row(row)))) yield row;
        at = end;
        await turn.over();
        yield null;
    }
}

/// Reads a stream into a section without holding the page up.
export async function pour(model: LogModel, position: number, stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    const turn = new Turn();
    for (;;) {
        const {done, value} = await reader.read();
        if (done) return;
        for (let at = 0; at < value.length; at += 1 << 18) {
            model.append(position, value.subarray(at, at + (1 << 18)));
            await turn.over();
        }
    }
}
