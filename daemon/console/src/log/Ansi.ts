// Colours of terminals (SGR). Every other escape sequence, and every control character, is taken out or made visible:
// output must not be able to hide or to move anything.

export interface Span {
    text: string;
    classes: string;
    /// Only what no class can say: one of 256 or of 16 million colours.
    colour?: string;
    background?: string;
}

interface State {
    fg: string;
    bg: string;
    fgRgb: string;
    bgRgb: string;
    bold: boolean;
    dim: boolean;
    italic: boolean;
    underline: boolean;
    inverse: boolean;
}

const plain = (): State => ({fg: '', bg: '', fgRgb: '', bgRgb: '', bold: false, dim: false, italic: false, underline: false, inverse: false});

// eslint-disable-next-line no-control-regex
const escapes = /\x1b(?:\[([0-9;:?<=>!]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~]?)/g;
const controls = /[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g;

const visible = (text: string) =>
    text.replace(controls, (c) => {
        const code = c.charCodeAt(0);
        return code < 32 ? String.fromCharCode(0x2400 + code) : code === 127 ? '\u2421' : '\ufffd';
    });

/// What a terminal would show of a line that was written over: the part after its last carriage return.
function lastWriting(line: string): string {
    const trimmed = line.replace(/\r+$/, '');
    const at = trimmed.lastIndexOf('\r');
    return at < 0 ? trimmed : trimmed.slice(at + 1);
}

export const withoutEscapes = (line: string) => (line.includes('\x1b') ? line.replace(escapes, '') : line);

const steps = [0, 95, 135, 175, 215, 255];

function colour256(n: number): {name: string; rgb: string} {
    if (n < 16) return {name: String(n), rgb: ''};
    if (n < 232) {
        const k = n - 16;
        return {name: '', rgb: `rgb(${steps[Math.floor(k / 36)]}, ${steps[Math.floor(k / 6) % 6]}, ${steps[k % 6]})`};
    }
    const grey = 8 + (n - 232) * 10;
    return {name: '', rgb: `rgb(${grey}, ${grey}, ${grey})`};
}

function apply(state: State, parameters: string): State {
    const codes = parameters.split(/[;:]/).map((code) => Number(code || 0));
    for (let i = 0; i < codes.length; i++) {
        const code = codes[i]!;
        if (code === 0) state = plain();
        else if (code === 1) state.bold = true;
        else if (code === 2) state.dim = true;
        else if (code === 3) state.italic = true;
        else if (code === 4) state.underline = true;
        else if (code === 7) state.inverse = true;
        else if (code === 22) state.bold = state.dim = false;
        else if (code === 23) state.italic = false;
        else if (code === 24) state.underline = false;
        else if (code === 27) state.inverse = false;
        else if (code >= 30 && code <= 37) [state.fg, state.fgRgb] = [String(code - 30), ''];
        else if (code >= 90 && code <= 97) [state.fg, state.fgRgb] = [String(code - 82), ''];
        else if (code >= 40 && code <= 47) [state.bg, state.bgRgb] = [String(code - 40), ''];
        else if (code >= 100 && code <= 107) [state.bg, state.bgRgb] = [String(code - 92), ''];
        else if (code === 39) state.fg = state.fgRgb = '';
        else if (code === 49) state.bg = state.bgRgb = '';
        else if (code === 38 || code === 48) {
            let name = '';
            let rgb = '';
            if (codes[i + 1] === 5) {
                ({name, rgb} = colour256(Math.min(255, codes[i + 2] ?? 0)));
                i += 2;
            } else if (codes[i + 1] === 2) {
                rgb = `rgb(${[2, 3, 4].map((k) => Math.min(255, codes[i + k] ?? 0)).join(', ')})`;
                i += 4;
            }
            if (code === 38) [state.fg, state.fgRgb] = [name, rgb];
            else [state.bg, state.bgRgb] = [name, rgb];
        }
    }
    return state;
}

function span(text: string, state: State): Span {
    const classes: string[] = [];
    if (state.fg) classes.push(`fg${state.fg}`);
    if (state.bg) classes.push(`bg${state.bg}`);
    for (const name of ['bold', 'dim', 'italic', 'underline', 'inverse'] as const) if (state[name]) classes.push(name);
    return {
        text: visible(text),
        classes: classes.join(' '),
        ...(state.fgRgb && {colour: state.fgRgb}),
        ...(state.bgRgb && {background: state.bgRgb}),
    };
}

export function parseAnsi(raw: string): Span[] {
    const line = lastWriting(raw);
    if (!line.includes('\x1b')) return [{text: visible(line), classes: ''}];
    const spans: Span[] = [];
    let state = plain();
    let at = 0;
    for (const match of line.matchAll(escapes)) {
        if (match.index > at) spans.push(span(line.slice(at, match.index), state));
        if (match[2] === 'm') state = apply({...state}, match[1] ?? '');
        at = match.index + match[0].length;
    }
    if (at < line.length) spans.push(span(line.slice(at), state));
    return spans;
}
