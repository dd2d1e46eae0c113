import {expect, password, people, test} from './world.js';

/// Presses Tab until this has the focus.
async function tabTo(page, name) {
    for (let i = 0; i < 60; i++) {
        const at = await page.evaluate(() => (document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent || '').trim());
        if (at === name) return;
        await page.keyboard.press('Tab');
    }
    throw new Error(`${name} is not reached by Tab`);
}

test('signing in, finding a job and making a key: by keyboard alone', async ({page, world}) => {
    await world.job('keyboard', ['echo x']);
    await page.goto(`${world.url}/jobs`);
    await expect(page.getByLabel('E-mail')).toBeFocused();
    await page.keyboard.type(people.admin);
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('link', {name: 'keyboard', exact: true})).toBeVisible();
    await tabTo(page, 'keyboard');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', {name: 'keyboard'})).toBeFocused();
    await tabTo(page, 'API keys');
    await page.keyboard.press('Enter');
    await expect(page.getByText('No API keys yet')).toBeVisible();
    await tabTo(page, 'New API key');
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Name')).toBeFocused();
    await page.keyboard.type('by keyboard');
    await page.keyboard.press('Enter');
    await tabTo(page, 'I have stored it');
    await page.keyboard.press('Enter');
    await expect(page.locator('.keys .name')).toHaveText('by keyboard');
});

test('a schedule and a webhook: by keyboard alone', async ({page, world, signIn}) => {
    const job = await world.job('keys only', ['echo x']);
    await signIn('editor', `/jobs/${job}`);
    await tabTo(page, 'Schedules');
    await page.keyboard.press('Enter');
    await expect(page.getByText('No schedules')).toBeVisible();
    await tabTo(page, 'New schedule');
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Cron expression')).toBeFocused();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('15 4 * * *');
    await page.keyboard.press('Enter');
    await expect(page.locator('.schedules .name')).toHaveText('At 04:15');
    await tabTo(page, 'Pause 15 4 * * *');
    await page.keyboard.press('Enter');
    await expect(page.locator('.schedules')).toContainText('paused');
    await tabTo(page, 'Webhooks');
    await page.keyboard.press('Enter');
    await tabTo(page, 'New webhook');
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('URL')).toBeFocused();
    await page.keyboard.type('http://127.0.0.1:9/hook');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog', {name: 'Signing secret'})).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.locator('.webhooks .name')).toHaveText('http://127.0.0.1:9/hook');
});
