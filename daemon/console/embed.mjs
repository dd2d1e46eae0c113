// Turns what Vite built into a C++ source file: every file as it is, gzipped and with brotli, included by the assembler,
// which finds them from the folder of OUTPUT.cpp (-Wa,-I): so the file says nothing of where it was made.
//
//   node embed.mjs DIST FORMS OUTPUT.cpp     the compressed forms go to the folder FORMS
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, extname, join, relative, resolve} from 'node:path';
import {brotliCompressSync, constants, gzipSync} from 'node:zlib';

const [dist, forms, output] = process.argv.slice(2).map((path) => resolve(path));

const types = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml',
    '.png': 'image/png',
    '.txt': 'text/plain; charset=utf-8',
};

const files = (folder) =>
    readdirSync(folder, {withFileTypes: true})
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));

const compressed = (bytes) => ({
    gz: gzipSync(bytes, {level: 9}),
    br: brotliCompressSync(bytes, {
        params: {[constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length},
    }),
});

rmSync(forms, {recursive: true, force: true});
mkdirSync(forms, {recursive: true});

const included = []; // what the assembler includes: [symbol, file]
const rows = [];
for (const file of files(dist)) {
    const path = file.slice(dist.length);
    const type = types[extname(file)];
    if (!type) throw new Error(`${path}: embed.mjs knows no type for this`);
    const bytes = readFileSync(file);
    const name = `f${rows.length}`;
    included.push([`${name}_identity`, file]);
    const views = {gz: '{}', br: '{}'};
    for (const [ending, form] of Object.entries(compressed(bytes))) {
        if (form.length > bytes.length * 0.95) continue;
        const place = join(forms, `${name}.${ending}`);
        writeFileSync(place, form);
        included.push([`${name}_${ending}`, place]);
        views[ending] = `view(${name}_${ending}, ${name}_${ending}_end)`;
    }
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 20);
    rows.push(
        `    {"${path}", "${type}", "${digest}", view(${name}_identity, ${name}_identity_end), ${views.gz}, ${views.br}},`,
    );
}

const assembly = included
    .map(([symbol, file]) => `    "${symbol}: .incbin \\"${relative(dirname(output), file)}\\"\\n${symbol}_end: .byte 0\\n"`)
    .join('\n');
const declarations = included.map(([symbol]) => `extern const char ${symbol}[], ${symbol}_end[];`).join('\n');

writeFileSync(
    output,
    `// Written by daemon/console/embed.mjs.
#include "http/StaticAsset.h"

asm(".pushsection .rodata\\n"
${assembly}
    ".popsection\\n");

extern "C" {
${declarations}
}

namespace usher {

namespace {

std::string_view view(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

} // namespace

std::span<const StaticAsset> consoleAssets() {
    static const StaticAsset assets[] = {
${rows.join('\n')}
    };
    return assets;
}

} // namespace usher
`,
);
