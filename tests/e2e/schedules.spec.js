import {expect, test} from './world.js';

let ticking;
// Made first and looked at last: a minute is long.
test.beforeAll(async ({world}) => {
    ticking = await world.job('every minute', ['echo tick']);
    await world.ask('POST', `/api/jobs/${ticking}/schedules`, {cron: '* * * * *'});
});

test('a schedule is made, understood, paused, changed and deleted, in the browser', async ({page, world, signIn}) => {
    const job = await world.job('by the clock', ['echo tick']);
    const saved = async () => (await world.ask('GET', `/api/jobs/${job}/schedules`)).schedules;
    await signIn('editor', `/jobs/${job}/schedules`);
    await expect(page.getByText('No schedules')).toBeVisible();
    await page.getByRole('button', {name: 'New schedule'}).click();
    const dialog = page.getByRole('dialog', {name: 'New schedule'});

    // The words and the times follow what is typed.
    await dialog.getByLabel('How often').selectOption('Monday to Friday');
    await expect(dialog.getByLabel('Cron expression')).toHaveValue('0 7 * * 1-5');
    await expect(dialog.locator('.preview')).toContainText('Monday through Friday');
    await expect(dialog.getByRole('list', {name: 'Next times'}).getByRole('listitem')).toHaveCount(3);
    await dialog.getByLabel('Cron expression').fill('30 26 * * *');
    await expect(dialog.locator('.preview')).toContainText('not understood');
    await dialog.getByRole('button', {name: 'Create schedule'}).click();
    await expect(dialog.getByLabel('Cron expression')).toHaveAttribute('aria-invalid', 'true');
    await dialog.getByLabel('Cron expression').fill('30 2 * * *');
    await dialog.getByLabel('Time zone').fill('Mars/Olympus');
    await dialog.getByRole('button', {name: 'Create schedule'}).click();
    await expect(dialog.getByLabel('Time zone')).toHaveAttribute('aria-invalid', 'true');
    await dialog.getByLabel('Time zone').fill('Europe/Berlin');
    await dialog.getByLabel('A time that was missed').selectOption('leave it out');
    await dialog.getByRole('button', {name: 'Create schedule'}).click();
    await expect(dialog).toBeHidden();
    const row = page.locator('.schedules > li');
    await expect(row.locator('.name')).toHaveText('At 02:30');
    await expect(row).toContainText('Europe/Berlin');
    await expect(row).toContainText('is left out');
    await expect(row.locator('time')).toHaveCount(3);
    const [made] = await saved();
    expect(made).toMatchObject({cron: '30 2 * * *', timeZone: 'Europe/Berlin', onMissed: 'skip', paused: false});
    expect(new Date(await row.locator('time').first().getAttribute('datetime')).getTime()).toBe(new Date(made.nextAt).getTime());

    await row.getByRole('button', {name: 'Pause'}).click();
    await expect(row).toContainText('paused');
    await expect(row).toContainText('Nextnone');
    expect((await saved())[0]).toMatchObject({paused: true, nextAt: null});
    await row.getByRole('button', {name: 'Resume'}).click();
    await expect(row.locator('time')).toHaveCount(3);

    await row.getByRole('button', {name: 'Edit'}).click();
    await page.getByLabel('How often').selectOption('every hour');
    const sent = page.waitForRequest((request) => request.method() === 'PATCH');
    await page.getByRole('button', {name: 'Save'}).click();
    expect((await sent).postDataJSON()).toEqual({cron: '0 * * * *'});
    await expect(row.locator('.name')).toHaveText('Every hour');

    await row.getByRole('button', {name: 'Delete'}).click();
    await expect(page.getByRole('dialog')).toContainText('is no longer started every hour');
    await page.getByRole('dialog').getByRole('button', {name: 'Delete schedule'}).click();
    await expect(page.getByText('No schedules')).toBeVisible();
    expect(await saved()).toEqual([]);
});

// The words and the days beside a cron expression come from libraries; what counts is what the server does.
test('the times that are foretold are those that the server says', async ({page, world, signIn}) => {
    const job = await world.job('foretold', ['echo tick']);
    const crons = ['*/7 3-5 * * *', '0 12 13 * FRI', '15 10 1,15 */2 *', '0 0 29 2 *', '30 1 * MAR,OCT SUN', '5 4 * * 7'];
    const made = [];
    for (const timeZone of ['UTC', 'America/New_York', 'Asia/Kathmandu'])
        for (const cron of crons) made.push((await world.ask('POST', `/api/jobs/${job}/schedules`, {cron, timeZone})).schedule);
    await signIn('editor', `/jobs/${job}/schedules`);
    for (const one of made) {
        const row = page.locator('.schedules > li').filter({hasText: one.timeZone}).filter({has: page.locator(`code:text-is("${one.cron}")`)});
        await row.getByRole('button', {name: 'Edit'}).click();
        const shown = await row.locator('time').first().textContent();
        await expect(page.getByRole('dialog').getByRole('list', {name: 'Next times'}).getByRole('listitem').first(), `${one.cron} ${one.timeZone}`).toHaveText(shown);
        await page.getByRole('dialog').getByRole('button', {name: 'Cancel'}).click();
    }
});

test('what a tick has done is shown, with its run', async ({page, signIn}) => {
    test.setTimeout(150_000);
    await signIn('viewer', `/jobs/${ticking}/schedules`);
    await expect(page.locator('.schedules .name')).toHaveText('Every minute');
    await page.getByRole('link', {name: 'made a run'}).click({timeout: 90_000});
    await expect(page.locator('.facts')).toContainText('by the schedule');
});
