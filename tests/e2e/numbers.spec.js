// What the console promises in numbers. Measured and printed; judged with room, because other tests share the machine.
import {readFileSync, readdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from './world.js';

const median = (numbers) => numbers.slice().sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

test('everything but the viewer of the API is less than 150 KB, compressed', () => {
    const console_ = join(process.env.USHER_BUILD, 'daemon/console');
    const source = readFileSync(join(console_, 'ConsoleAssets.cpp'), 'utf8');
    let all = 0;
    let docs = 0;
    for (const [, path, name] of source.matchAll(/\{"([^"]+)".*view\((f\d+)_identity/g)) {
        const form = join(console_, 'forms', `${name}.gz`);
        const size = readdirSync(join(console_, 'forms')).includes(`${name}.gz`) ? statSync(form).size : 0;
        if (/docs/.test(path)) docs += size;
        else all += size;
    }
    console.log(`gzipped: the console ${(all / 1000).toFixed(1)} KB, the viewer of the API ${(docs / 1000).toFixed(1)} KB`);
    expect(all).toBeGreaterThan(10_000);
    expect(all).toBeLessThan(150_000);
});

test('the first page is usable soon, in a browser that knows nothing', async ({browser, world}) => {
    const times = [];
    for (let i = 0; i < 5; i++) {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(`${world.url}/sign-in`, {waitUntil: 'commit'});
        await page.getByLabel('E-mail').waitFor();
        times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()));
        await context.close();
    }
    console.log(`first page usable: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms, median ${median(times).toFixed(0)} ms`);
    expect(median(times)).toBeLessThan(1500);
});

test('a line is seen soon after a test wrote it', async ({page, world, signIn}) => {
    const job = await world.job('clock', [['clock', 'for i in $(seq 1 40); do date +at-%s%3N; sleep 0.1; done']]);
    await signIn('editor', `/jobs/${job}`);
    await page.evaluate(() => {
        window.delays = [];
        const seen = new Set();
        new MutationObserver(() => {
            for (const row of document.querySelectorAll('.row .text')) {
                const written = /^at-(\d{13})$/.exec(row.textContent)?.[1];
                if (!written || seen.has(written)) continue;
                seen.add(written);
                window.delays.push(Date.now() - Number(written));
            }
        }).observe(document.body, {subtree: true, childList: true, characterData: true});
    });
    await page.getByRole('button', {name: 'Run now'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
    await expect(page.locator('.facts .verdict')).toHaveText('passed', {timeout: 30_000});
    const delays = await page.evaluate(() => window.delays);
    console.log(`a line in the browser after it was written: p50 ${median(delays)} ms, worst ${Math.max(...delays)} ms of ${delays.length}`);
    expect(delays.length).toBeGreaterThan(20);
    expect(median(delays)).toBeLessThan(500);
});
