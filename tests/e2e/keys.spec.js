import yaml from 'js-yaml';
import {expect, test} from './world.js';

test('the whole life of a key', async ({page, world, signIn}) => {
    const job = await world.job('deploy', ['echo deployed']);
    await signIn('admin', `/jobs/${job}/keys`);
    await expect(page.getByText('No API keys yet')).toBeVisible();

    // Made: shown once, masked until asked for, copied.
    await page.getByRole('button', {name: 'New API key'}).click();
    await page.getByLabel('Name').fill('pipeline');
    await page.getByLabel('Expires').selectOption('in 7 days');
    await page.getByText('Limits and addresses').click();
    await page.getByLabel('Uses', {exact: true}).fill('3');
    await page.getByRole('button', {name: 'Create key'}).click();
    const dialog = page.getByRole('dialog', {name: 'Key pipeline'});
    await expect(dialog.getByText('will not be shown again')).toBeVisible();
    await expect(dialog.getByLabel('API key')).toHaveText(/^job_....•+$/);
    await dialog.getByRole('button', {name: 'Copy key'}).click();
    const key = await page.evaluate(() => navigator.clipboard.readText());
    expect(key).toMatch(/^job_[0-9A-Za-z]{60}$/);
    await dialog.getByRole('button', {name: 'Show'}).click();
    await expect(dialog.getByLabel('API key')).toHaveText(key);
    await dialog.getByRole('button', {name: 'I have stored it'}).click();
    await expect(dialog).toBeHidden();
    expect(await page.content()).not.toContain(key);
    await page.reload();
    expect(await page.content()).not.toContain(key);

    const row = page.getByRole('listitem').filter({hasText: 'pipeline'});
    await expect(row).toContainText('expires in 7 days');
    await expect(row).toContainText(key.slice(0, 8));

    const trigger = async (with_ = key) => (await fetch(`${world.url}/api/jobs/${job}/trigger`, {method: 'POST', headers: {Authorization: `Bearer ${with_}`}})).status;
    expect(await trigger()).toBe(202);
    await expect(async () => {
        await page.reload();
        await expect(row.locator('dl')).toContainText('Uses left2');
    }).toPass();

    // Disabled: refused at once. Enabled again: good.
    await row.getByRole('button', {name: 'Disable'}).click();
    await expect(row).toContainText('disabled');
    expect(await trigger()).toBe(401);
    await row.getByRole('button', {name: 'Enable'}).click();
    await expect(row).not.toContainText('disabled');
    expect(await trigger()).toBe(202);

    // A name that is taken is told at the form; another one is taken.
    await page.getByRole('button', {name: 'Edit pipeline'}).click();
    await page.getByLabel('Name').fill('release');
    await page.getByRole('button', {name: 'Save'}).click();
    const renamed = page.getByRole('listitem').filter({hasText: 'release'});
    await expect(renamed).toBeVisible();

    // Rotated without grace: the old one is dead, the new one lives.
    await page.getByRole('button', {name: 'Rotate release'}).click();
    await page.getByLabel('The old key').selectOption('stops at once');
    await page.getByRole('dialog').getByRole('button', {name: 'Rotate'}).click();
    await page.getByRole('button', {name: 'Show'}).click();
    const fresh = await page.getByLabel('API key').textContent();
    await page.getByRole('button', {name: 'I have stored it'}).click();
    expect(fresh).not.toBe(key);
    expect(await trigger()).toBe(401);
    expect(await trigger(fresh)).toBe(202);

    // Deleted, after the dialog has said what stops working. Escape changes nothing.
    const rows = page.locator('.keys > li');
    const before = await rows.count();
    const remove = rows.filter({hasText: fresh.slice(0, 8)}).getByRole('button', {name: /^Delete/});
    await remove.click();
    await expect(page.getByRole('dialog')).toContainText('stops being able to trigger deploy');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toBeHidden();
    await expect(rows).toHaveCount(before);
    await expect(remove).toBeFocused();
    await remove.click();
    await page.getByRole('button', {name: 'Delete key'}).click();
    await expect(rows).toHaveCount(before - 1);
    expect(await trigger(fresh)).toBe(401);
});

test('a name that is taken is refused at the form, and what was typed stays', async ({page, world, signIn}) => {
    const job = await world.job('names', ['true']);
    await world.ask('POST', `/api/jobs/${job}/api-keys`, {name: 'taken'});
    await signIn('editor', `/jobs/${job}/keys`);
    await page.getByRole('button', {name: 'New API key'}).click();
    await page.getByLabel('Name').fill('taken');
    await page.getByRole('button', {name: 'Create key'}).click();
    await expect(page.getByRole('alert').filter({hasText: 'already exists'})).toBeVisible();
    await expect(page.getByLabel('Name')).toHaveValue('taken');
});

test('the snippets are good as they are', async ({page, world, signIn}) => {
    const job = await world.job('it\'s: "quoted" #1', ['true']);
    await signIn('viewer', `/jobs/${job}/keys`);
    const text = (name) => page.getByRole('region', {name}).textContent();
    const command = `curl -fsS -X POST -H "Authorization: Bearer $USHER_API_KEY" ${world.url}/api/jobs/${job}/trigger`;
    expect(await text('curl')).toBe(command);
    expect(yaml.load(await text('GitHub Actions'))).toEqual([
        {name: 'Trigger it\'s: "quoted" #1', env: {USHER_API_KEY: '${{ secrets.USHER_API_KEY }}'}, run: `${command}\n`},
    ]);
    expect(yaml.load(await text('GitLab CI'))).toEqual({trigger: {script: [`${command}\n`]}});
});
