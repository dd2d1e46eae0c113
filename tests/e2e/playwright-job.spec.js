// A job whose test is Playwright itself: what somebody sees whose page is broken.
import {accessSync, constants, statSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {World, expect, password, people, test} from './world.js';

const packages = join(process.cwd(), 'node_modules');

/// The tests' own users must be able to read these packages: not below a folder that is closed to others.
function readable(path) {
    for (let at = path; at !== '/'; at = dirname(at)) if ((statSync(at).mode & 0o005) !== 0o005) return false;
    return true;
}

const script = `
const {test, expect} = require('@playwright/test');
test('greets', async ({page}) => {
    await page.setContent('<h1>The door</h1><p>Go away!</p>');
    await page.screenshot({path: process.env.USHER_ARTIFACTS + '/door.png'});
    await expect(page.getByRole('paragraph')).toHaveText('Welcome!', {timeout: 1000});
});
test('has a heading', async ({page}) => {
    await page.setContent('<h1>The door</h1>');
    await expect(page.getByRole('heading')).toBeVisible();
});
`;

test('a failing Playwright job shows its case, its output and its screenshot', async ({page}) => {
    test.setTimeout(180_000);
    test.skip(process.getuid() === 0 && !readable(packages), 'the build folder is closed to the users of tests');
    const config = join(process.cwd(), 'job.config.cjs');
    accessSync(config, constants.R_OK);
    const cli = join(packages, '@playwright/test/cli.js');
    const world = await (
        await World.start({
            extra:
                `interpreter.playwright = ${process.execPath} ${cli} test --config=${config} --reporter=list,junit --output={artifacts}/playwright {script}\n` +
                `interpreter.playwright.extension = .spec.js\ninterpreter.playwright.env.NODE_PATH = ${packages}\n` +
                `interpreter.playwright.env.USHER_CHROMIUM = ${process.env.USHER_CHROMIUM}\n` +
                'interpreter.playwright.env.PLAYWRIGHT_JUNIT_OUTPUT_NAME = {results}/junit.xml\n',
        })
    ).setUp();
    try {
        const job = await world.job('the door', [['door', script, 'playwright']]);
        const run = await world.run(job);
        await world.ended(run);
        await page.goto(`${world.url}/runs/${run}`);
        await page.getByLabel('E-mail').fill(people.viewer);
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', {name: 'Sign in'}).click();
        await expect(page.locator('.facts .verdict')).toHaveText('failed');
        await expect(page.getByText('2 cases, 1 failed')).toBeVisible();
        await expect(page.locator('.cases .is-failed')).toContainText('greets');
        // What Playwright says of the failure, beside the case: without colours, as text.
        const said = page.locator('.cases .is-failed pre');
        await expect(said).toContainText('Expected: "Welcome!"');
        await expect(said).toContainText('Received: "Go away!"');
        await expect(said).toContainText(/> +\d+ \|/); // the line of the script
        expect(await said.textContent()).not.toMatch(/\x1b|\[\d+m/);
        await page.getByRole('button', {name: 'First failure'}).click();
        await expect(page.locator('.row.marked')).toContainText('greets');
        await page.getByRole('searchbox').fill('Expected: "Welcome!"');
        await expect(page.locator('.row.marked')).toContainText('Welcome!');
        await page.screenshot({path: 'screenshots/run-playwright.png', fullPage: true});
        await page.getByRole('button', {name: 'Show door.png'}).click();
        const image = page.getByRole('dialog').getByRole('img');
        await expect.poll(() => image.evaluate((element) => element.naturalWidth)).toBe(1280);
    } finally {
        await world.stop();
    }
});
