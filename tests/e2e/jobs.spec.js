import {expect, test} from './world.js';

const order = (page) => page.locator('.order .name').allTextContents();

test('a job is made, filled, ordered, changed and deleted, in the browser', async ({page, world, signIn}) => {
    await signIn('admin', '/jobs');
    await page.getByRole('link', {name: 'New job'}).first().click();
    await page.getByLabel('Name', {exact: true}).fill('made here');
    await page.getByLabel('Description').fill('By hand');
    await page.getByRole('button', {name: 'Add a parameter'}).click();
    const parameter = page.getByRole('group', {name: 'Parameter 1'});
    await parameter.getByLabel('Name').fill('STAGE');
    await parameter.getByLabel('Default').fill('test');
    await page.getByLabel('Retries').fill('1');
    await page.getByRole('button', {name: 'Create job'}).click();
    await expect(page.getByText('No tests yet')).toBeVisible();
    const id = page.url().split('/')[4];
    const {job} = await world.ask('GET', `/api/jobs/${id}`);
    expect([job.retries, job.parameters, job.network]).toEqual([1, [{name: 'STAGE', required: false, default: 'test'}], 'none']);

    for (const title of ['one', 'two', 'three']) {
        await page.getByRole('link', {name: 'New test'}).click();
        await page.getByLabel('Title').fill(title);
        await page.getByLabel('Script', {exact: true}).fill(`echo ${title}\n`);
        await expect(page.locator('.token.builtin')).toHaveText('echo');
        await page.getByRole('button', {name: 'Create test'}).click();
        await expect(page.locator('.order .name').last()).toHaveText(title);
    }

    // By keyboard: the button goes along, so the second press needs no looking for it.
    await page.getByRole('button', {name: 'Move three up'}).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => order(page)).toEqual(['one', 'three', 'two']);
    await expect(page.getByRole('button', {name: 'Move three up'})).toBeFocused();
    await page.keyboard.press('Enter');
    await expect.poll(() => order(page)).toEqual(['three', 'one', 'two']);
    await expect(page.getByText('three is now 1 of 3')).toBeAttached();
    // By mouse.
    await page.getByRole('listitem').filter({hasText: 'two'}).dragTo(page.getByRole('listitem').filter({hasText: 'three'}), {targetPosition: {x: 120, y: 3}});
    await expect.poll(() => order(page)).toEqual(['two', 'three', 'one']);
    const saved = async () => (await world.ask('GET', `/api/jobs/${id}`)).job.tests.map((one) => one.title);
    await expect.poll(saved).toEqual(['two', 'three', 'one']);
    await page.getByRole('button', {name: 'Remove one from the job'}).click();
    await expect.poll(saved).toEqual(['two', 'three']);

    // Paused and resumed; only what was changed is sent.
    await page.getByRole('button', {name: 'Pause'}).click();
    await expect(page.getByRole('button', {name: 'Run now'})).toBeDisabled();
    await page.getByRole('button', {name: 'Resume'}).click();
    await page.getByRole('link', {name: 'Settings'}).click();
    await page.getByLabel('Time limit').fill('60');
    const sent = page.waitForRequest((request) => request.method() === 'PATCH');
    await page.getByRole('button', {name: 'Save'}).click();
    expect((await sent).postDataJSON()).toEqual({timeoutSeconds: 60});

    await page.getByRole('link', {name: 'Settings'}).click();
    await page.getByRole('button', {name: 'Delete job'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Delete job'}).click();
    await expect(page).toHaveURL(`${world.url}/jobs`);
    await expect(page.getByRole('link', {name: 'made here'})).toHaveCount(0);
});

test('a test is edited, and what the server refuses is told at its field', async ({page, world, signIn}) => {
    const job = await world.job('for editing', [['before', 'echo before']]);
    const id = (await world.ask('GET', `/api/jobs/${job}`)).job.tests[0].id;
    await signIn('editor', `/tests/${id}`);
    await page.getByLabel('Type').fill('no-such-interpreter');
    await page.getByRole('button', {name: 'Save'}).click();
    await expect(page.getByLabel('Type')).toHaveAttribute('aria-invalid', 'true');
    await page.getByLabel('Type').fill('python');
    await page.getByLabel('Script', {exact: true}).fill('import os\nprint("after")\n');
    await page.getByRole('button', {name: 'Save'}).click();
    await expect(page.getByText('Saved; runs')).toBeVisible();
    expect((await world.ask('GET', `/api/tests/${id}`)).test).toMatchObject({type: 'python', script: 'import os\nprint("after")\n'});
});

test('a secret goes in and never comes back', async ({page, world, signIn}) => {
    const job = await world.job('with a secret', ['echo "it is $TOKEN"']);
    await signIn('editor', `/jobs/${job}/secrets`);
    await page.getByRole('button', {name: 'New secret'}).click();
    await page.getByLabel('Name').fill('TOKEN');
    await page.getByLabel('Value').fill('open sesame');
    await page.getByRole('button', {name: 'Set', exact: true}).click();
    await expect(page.locator('.secrets .name')).toHaveText('TOKEN');
    expect(await page.content()).not.toContain('open sesame');
});

test('users: one is made, and one is kept out at once', async ({page, browser, world, signIn}) => {
    await signIn('admin', '/users');
    await page.getByRole('button', {name: 'New user'}).click();
    await page.getByLabel('Name').fill('Nora New');
    await page.getByLabel('E-mail').fill('nora@example.org');
    await page.getByLabel('Password').fill('a long enough one');
    await page.getByRole('button', {name: 'Create user'}).click();
    const row = page.getByRole('listitem').filter({hasText: 'nora@example.org'});
    await expect(row).toBeVisible();
    const other = await (await browser.newContext()).newPage();
    await other.goto(`${world.url}/runs`);
    await other.getByLabel('E-mail').fill('nora@example.org');
    await other.getByLabel('Password').fill('a long enough one');
    await other.getByRole('button', {name: 'Sign in'}).click();
    await expect(other.getByRole('heading', {name: 'Runs'})).toBeVisible();
    await row.getByRole('button', {name: 'Ban Nora New'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Ban'}).click();
    await expect(row).toContainText('banned');
    await expect(other.getByText('Your session has ended')).toBeVisible();
    await other.context().close();
    // The last admin stays one.
    await page.getByRole('button', {name: 'Ban Ada Admin'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Ban'}).click();
    await expect(page.getByRole('dialog').getByRole('alert')).toContainText('last admin');
});
