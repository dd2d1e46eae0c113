// What a test wrote, as bytes in pages, with the beginning of every row. 100 MB of it are 100 MB and an index, not a
// million strings: a row becomes text when it is shown.

const pageBytes = 1 << 20;
/// A line that is longer goes on in the next row: a row must be cheap to show.
const longestRow = 1000;

const isInside = (byte: number) => (byte & 0xc0) === 0x80; // of a UTF-8 character, not its first byte

export class LogBuffer {
    private pages: Uint8Array[] = [];
    private starts = new Uint32Array(1024);
    private count = 0; // rows that have begun
    private rowEnded = true; // the next byte begins a row
    size = 0;

    get rows(): number {
        return this.count;
    }

    append(bytes: Uint8Array): void {
        const base = this.size;
        for (let at = 0; at < bytes.length; ) {
            const inPage = this.size % pageBytes;
            if (inPage === 0) this.pages.push(new Uint8Array(pageBytes));
            const piece = bytes.subarray(at, at + pageBytes - inPage);
            this.pages[this.pages.length - 1]!.set(piece, inPage);
            this.size += piece.length;
            at += piece.length;
        }
        this.index(bytes, base);
    }

    private index(bytes: Uint8Array, base: number): void {
        let begin = this.rowEnded ? base : this.starts[this.count - 1]!;
        for (let at = 0; at < bytes.length; ) {
            if (this.rowEnded) {
                begin = base + at;
                this.begin(begin);
            }
            let end = bytes.indexOf(10, at);
            if (end < 0) end = bytes.length;
            // Where the row must end at the latest, moved on to the end of a character.
            let cut = Math.max(at, begin + longestRow - base);
            while (cut < end && isInside(bytes[cut]!)) cut++;
            if (cut < end) {
                this.rowEnded = true;
                at = cut;
            } else if (end < bytes.length) {
                this.rowEnded = true;
                at = end + 1;
            } else {
                this.rowEnded = false;
                at = end;
            }
        }
    }

    private begin(at: number): void {
        if (this.count === this.starts.length) {
            const more = new Uint32Array(this.starts.length * 2);
            more.set(this.starts);
            this.starts = more;
        }
        this.starts[this.count++] = at;
    }

    row(index: number): string {
        const from = this.starts[index];
        if (from === undefined || index >= this.count) return '';
        let to = index + 1 < this.count ? this.starts[index + 1]! : this.size;
        if (to > from && this.byte(to - 1) === 10) to--;
        return decode(this.slice(from, to));
    }

    /// Rows from `from` on as one text, as many as fit into `bytes`, at least one; and the row behind them. For looking
    /// through: a million small strings would cost more in collecting them than in reading them.
    block(from: number, bytes = 1 << 16): {text: string; end: number} {
        const begin = this.starts[from]!;
        let end = Math.min(this.count, from + 1 + Math.floor(bytes / longestRow));
        while (end < this.count && this.starts[end]! - begin < bytes) end = Math.min(this.count, end + 64);
        return {text: decode(this.slice(begin, end < this.count ? this.starts[end]! : this.size)), end};
    }

    private byte(at: number): number {
        return this.pages[Math.floor(at / pageBytes)]![at % pageBytes]!;
    }

    private slice(from: number, to: number): Uint8Array {
        const first = Math.floor(from / pageBytes);
        const offset = from - first * pageBytes;
        const page = this.pages[first]!;
        if (offset + to - from <= pageBytes) return page.subarray(offset, offset + to - from);
        const out = new Uint8Array(to - from);
        const head = page.subarray(offset);
        out.set(head);
        out.set(this.pages[first + 1]!.subarray(0, out.length - head.length), head.length);
        return out;
    }
}

const decoder = new TextDecoder();
const decode = (bytes: Uint8Array) => decoder.decode(bytes);
