import {lint} from './lint.mjs';
import {expect, test} from './world.js';

test('the description of the API passes the linter', async ({world}) => {
    const text = await (await fetch(`${world.url}/api/openapi.json`)).text();
    expect(Object.keys(JSON.parse(text).paths)).toContain('/api/jobs/{id}/api-keys');
    const problems = await lint(text);
    console.log(problems.length === 0 ? 'openapi.json: no problem found by Redocly' : problems.join('\n'));
    expect(problems).toEqual([]);
});

test('/api/docs shows it, without another host and without inline script', async ({page, world}) => {
    await page.goto(`${world.url}/api/docs`);
    await expect(page.getByText('Run a job', {exact: true})).toBeVisible();
    await expect(page.getByText('Sign in with e-mail and password').or(page.getByText('/api/auth/sign-in/email'))).toBeVisible();
    await page.getByText('Run a job', {exact: true}).click();
    await expect(page.getByText('Idempotency-Key').first()).toBeVisible();
    await page.screenshot({path: 'screenshots/api-docs.png', fullPage: false});
});
