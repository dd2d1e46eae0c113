import {judge} from './judge.js';
import {World, expect, password, people, test} from './world.js';

test('a viewer looks at everything and is offered nothing to change', async ({page, world, signIn}) => {
    const job = await world.job('seen', ['echo seen']);
    await world.ask('POST', `/api/jobs/${job}/api-keys`, {name: 'ci'});
    await world.ask('POST', `/api/jobs/${job}/schedules`, {cron: '0 3 * * *'});
    await world.ask('POST', `/api/jobs/${job}/webhooks`, {url: 'http://127.0.0.1:9/'});
    const run = await world.run(job);
    await world.ended(run);
    await signIn('viewer', '/jobs');
    await expect(page.getByRole('link', {name: 'seen', exact: true})).toBeVisible();
    const main = page.getByRole('main');
    for (const path of ['/jobs', `/jobs/${job}`, `/jobs/${job}/keys`, `/jobs/${job}/tests`, `/jobs/${job}/schedules`, `/jobs/${job}/webhooks`, `/jobs/${job}/secrets`, `/runs/${run}`, '/tests', '/nodes', '/plugins']) {
        await page.goto(world.url + path);
        await expect(main.getByRole('heading', {level: 1})).toBeVisible();
        await expect(main.locator('.loading')).toHaveCount(0);
        for (const name of [/^(New|Add|Edit|Run|Delete|Rotate|Disable|Pause|Cancel|Drain|Save|Remove|Move)/])
            expect(await main.getByRole('button', {name}).count(), `${path}: ${name}`).toBe(0);
        expect(await main.getByRole('link', {name: /^(New|Settings)/}).count(), path).toBe(0);
    }
    await expect(page.getByRole('link', {name: 'Users'})).toHaveCount(0);
    // Who types the address is told by the server.
    await page.goto(`${world.url}/users`);
    await expect(main.getByRole('alert')).toContainText('Insufficient permissions');
});

test('an editor changes and runs, and deletes nothing', async ({page, world, signIn}) => {
    const job = await world.job('edited', ['echo seen']);
    await world.ask('POST', `/api/jobs/${job}/api-keys`, {name: 'ci'});
    await signIn('editor', `/jobs/${job}/keys`);
    await expect(page.getByRole('button', {name: 'Rotate ci'})).toBeVisible();
    await expect(page.getByRole('button', {name: 'Delete ci'})).toHaveCount(0);
    await page.goto(`${world.url}/jobs/${job}/settings`);
    await expect(page.getByRole('button', {name: 'Save'})).toBeVisible();
    await expect(page.getByRole('button', {name: 'Delete job'})).toHaveCount(0);
});

test('where a session may not trigger, a key is asked for', async ({page}) => {
    const world = await (await World.start({auth: 'trigger = api-key'})).setUp();
    try {
        const job = await world.job('by key', ['echo by key']);
        const {apiKey} = await world.ask('POST', `/api/jobs/${job}/api-keys`, {name: 'ci'});
        await page.goto(`${world.url}/jobs/${job}`);
        await page.getByLabel('E-mail').fill(people.editor);
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', {name: 'Sign in'}).click();
        await page.getByRole('button', {name: 'Run now'}).click();
        await page.getByLabel('API key').fill('job_wrong-one');
        await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
        await expect(page.getByRole('dialog').getByRole('alert')).toContainText('Invalid API key');
        await page.getByLabel('API key').fill(apiKey.key);
        await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
        await expect(page.locator('.facts')).toContainText('with the key ci');
        await expect(page.locator('.facts .verdict')).toHaveText('passed');

        // Who has no key is told what to do, and what can be done without.
        await page.goto(`${world.url}/jobs/${job}`);
        await page.getByRole('button', {name: 'Run now'}).click();
        const dialog = page.getByRole('dialog');
        await expect(dialog).toContainText('being signed in is not enough');
        await dialog.getByText('Let people who are signed in').click();
        await expect(dialog).toContainText('trigger = api-key, session');
        await expect(dialog.getByRole('button', {name: 'Repeat the last run'})).toBeVisible();
        await judge(page, 'dialog-trigger-key');
        await dialog.getByRole('button', {name: 'Repeat the last run'}).click();
        await expect(page.locator('.facts')).toContainText('again by Edgar Editor');
        await page.goto(`${world.url}/jobs/${job}`);
        await page.getByRole('button', {name: 'Run now'}).click();
        await page.getByRole('link', {name: 'Make one for this job'}).click();
        await expect(page.getByRole('dialog')).toBeHidden();
        await expect(page.getByRole('button', {name: 'New API key'})).toBeVisible();
    } finally {
        await world.stop();
    }
});
