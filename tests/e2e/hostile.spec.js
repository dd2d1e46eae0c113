import {expect, test} from './world.js';

const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
const rtl = '\u202eevil\u202c';

test('names that are markup are text', async ({page, world, signIn}) => {
    const escaped = markup.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
    const junit = `<testsuite><testcase name="${escaped}"><failure message="${escaped}">#x1B[31m${escaped} ${'w'.repeat(3000)}</failure></testcase></testsuite>`;
    const job = await world.job(`${markup} "quoted" & ${'w'.repeat(120)}`, [[`${markup} test`, `cat > "$USHER_RESULTS/r.xml" <<'X'\n${junit}\nX\nexit 1`]], {description: `${markup}\n${'long '.repeat(200)}`});
    await world.ask('POST', `/api/jobs/${job}/api-keys`, {name: '</code><b>bold</b>'});
    await world.ask('POST', `/api/jobs/${job}/webhooks`, {url: `http://127.0.0.1:9/${encodeURI(markup)}?${"'<b>&".repeat(50)}${'w'.repeat(1000)}`});
    await world.ask('POST', `/api/jobs/${job}/schedules`, {cron: `0 3 ${Array.from({length: 31}, (_, i) => i + 1).join(',')} * *`});
    const run = await world.run(job);
    await world.ended(run);
    await signIn('admin', '/jobs');
    for (const path of ['/jobs', `/jobs/${job}`, `/jobs/${job}/keys`, `/jobs/${job}/schedules`, `/jobs/${job}/webhooks`, `/jobs/${job}/tests`, `/jobs/${job}/settings`, '/runs', `/runs/${run}`, '/tests', '/audit']) {
        await page.goto(world.url + path);
        await expect(page.getByRole('main').getByRole('heading', {level: 1})).toBeVisible();
        await expect(page.locator('.loading')).toHaveCount(0);
        expect(await page.title()).not.toBe('owned');
        expect(await page.locator('main img[src=x], main script, main b').count(), path).toBe(0);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than the window`).toBe(true);
    }
    await page.goto(`${world.url}/runs/${run}`);
    await expect(page.locator('.cases pre')).toContainText(markup);
    expect(await page.locator('.cases pre').textContent()).not.toContain('[31m');
});

test('output that is markup, escapes or endless lines is shown and does no harm', async ({page, world, signIn}) => {
    const job = await world.job('hostile output', [
        [
            'noise',
            String.raw`printf '%s\n' '${markup.replaceAll("'", `'"'"'`)}'
printf '\033[31mred\033[0m \033[1;38;5;208morange\033[0m \033[48;2;10;20;30mdeep\033[0m\n'
printf '\033]0;title\007\033[2J\033[Hstill here\033[5A\033[8mhidden\033[0m\n'
printf 'over\rwritten\n'
printf 'a\000b\001c\n'
printf '\342\200\256live\n'
printf '\377\376 no UTF-8\n'
head -c 1000000 /dev/zero | tr '\0' x; echo
echo the end`,
        ],
    ]);
    const run = await world.run(job);
    await world.ended(run);
    await signIn('viewer', `/runs/${run}`);
    const log = page.getByRole('region', {name: 'Output of the run'});
    await expect(log).toContainText(markup);
    await expect(log.locator('.fg1')).toHaveText('red');
    expect(await log.locator('.bold').evaluate((element) => getComputedStyle(element).color)).toBe('rgb(255, 135, 0)');
    await expect(log).toContainText('still here');
    await expect(log).toContainText('hidden');
    await expect(log).toContainText('written');
    await expect(log).not.toContainText('overwritten');
    await expect(log).toContainText('a␀b␁c');
    await expect(log).not.toContainText('\u202e');
    expect(await page.title()).toContain('hostile output');
    expect(await log.locator('.row').count()).toBeLessThan(200);
    await page.getByRole('searchbox').fill('the end');
    await expect(page.locator('.row.marked')).toContainText('the end');
});
