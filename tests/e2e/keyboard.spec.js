import {expect, password, people, test} from './world.js';

test('signing in, finding a job and making a key: by keyboard alone', async ({page, world}) => {
    await world.job('keyboard', ['echo x']);
    const tabTo = async (name) => {
        for (let i = 0; i < 60; i++) {
            const at = await page.evaluate(() => (document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent || '').trim());
            if (at === name) return;
            await page.keyboard.press('Tab');
        }
        throw new Error(`${name} is not reached by Tab`);
    };
    await page.goto(`${world.url}/jobs`);
    await expect(page.getByLabel('E-mail')).toBeFocused();
    await page.keyboard.type(people.admin);
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('link', {name: 'keyboard', exact: true})).toBeVisible();
    await tabTo('keyboard');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', {name: 'keyboard'})).toBeFocused();
    await tabTo('API keys');
    await page.keyboard.press('Enter');
    await expect(page.getByText('No API keys yet')).toBeVisible();
    await tabTo('New API key');
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Name')).toBeFocused();
    await page.keyboard.type('by keyboard');
    await page.keyboard.press('Enter');
    await tabTo('I have stored it');
    await page.keyboard.press('Enter');
    await expect(page.locator('.keys .name')).toHaveText('by keyboard');
});
