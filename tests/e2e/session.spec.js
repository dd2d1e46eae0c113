import {World, expect, password, people, test} from './world.js';

test('the first admin is set up with the token, in the browser', async ({page}) => {
    const world = await World.start();
    try {
        await page.goto(world.url);
        await page.getByRole('link', {name: 'Set up the first admin'}).click();
        await page.getByLabel('Setup token').fill('wrong');
        await page.getByLabel('Your name').fill('Ada');
        await page.getByLabel('E-mail').fill(people.admin);
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', {name: 'Create the admin'}).click();
        await expect(page.getByRole('alert')).toContainText('setup-token');
        await page.getByLabel('Setup token').fill(world.setupToken());
        await page.getByRole('button', {name: 'Create the admin'}).click();
        await expect(page.getByText('No jobs yet')).toBeVisible();
        await expect(page.getByRole('link', {name: 'Users'})).toBeVisible();
    } finally {
        await world.stop();
    }
});

test('a wrong password is refused, and what was wanted is reached after the right one', async ({page, world}) => {
    await page.goto(`${world.url}/runs?status=failed`);
    await page.getByLabel('E-mail').fill(people.viewer);
    await page.getByLabel('Password').fill('not this one');
    await page.getByRole('button', {name: 'Sign in'}).click();
    await expect(page.getByRole('alert')).toContainText('Invalid email or password');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', {name: 'Sign in'}).click();
    await expect(page).toHaveURL(`${world.url}/runs?status=failed`);
});

test('when the session ends, the next answer leads to the sign-in page and back', async ({page, world, signIn}) => {
    await signIn('viewer', '/runs');
    const {sessions} = await world.ask('GET', '/api/sessions');
    for (const session of sessions.filter((one) => one.userEmail === people.viewer)) await world.ask('DELETE', `/api/sessions/${session.id}`);
    await expect(page.getByText('Your session has ended')).toBeVisible(); // the list asks again by itself
    await page.getByLabel('E-mail').fill(people.viewer);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', {name: 'Sign in'}).click();
    await expect(page).toHaveURL(`${world.url}/runs`);
});

test('signing out ends the session on the server', async ({page, context, world, signIn}) => {
    await signIn('viewer');
    const kept = await context.cookies();
    await page.getByRole('button', {name: 'Sign out'}).click();
    await expect(page.getByRole('heading', {name: 'Sign in'})).toBeVisible();
    await expect(page.getByText('Your session has ended')).toBeHidden();
    await context.addCookies(kept);
    await page.goto(`${world.url}/jobs`);
    await expect(page.getByRole('heading', {name: 'Sign in'})).toBeVisible();
});

test('only addresses of the console are returned to', async ({page, world}) => {
    await page.goto(`${world.url}/sign-in?to=${encodeURIComponent('//example.org/')}`);
    await page.getByLabel('E-mail').fill(people.viewer);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', {name: 'Sign in'}).click();
    await expect(page).toHaveURL(`${world.url}/jobs`);
});

test('a daemon that is away is told, and found again', async ({page}) => {
    const world = await (await World.start()).setUp();
    try {
        await page.goto(`${world.url}/jobs`);
        await page.getByLabel('E-mail').fill(people.admin);
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', {name: 'Sign in'}).click();
        await expect(page.getByText('No jobs yet')).toBeVisible();
        await page.route('**/api/**', (route) => route.abort());
        await page.getByRole('link', {name: 'Runs'}).click();
        await expect(page.getByRole('alert')).toContainText('Usher does not answer');
        await page.unroute('**/api/**');
        await page.getByRole('button', {name: 'Try again'}).click();
        await expect(page.getByText('Nothing has run yet')).toBeVisible();
    } finally {
        await world.stop();
    }
});
