import {createHmac} from 'node:crypto';
import {expect, receiver, test, until} from './world.js';

test('a webhook is made, its secret is seen once and signs, and its deliveries are told', async ({page, world, signIn}) => {
    const there = await receiver();
    const job = await world.job('told', ['echo told']);
    await signIn('editor', `/jobs/${job}/webhooks`);
    await expect(page.getByText('No webhooks')).toBeVisible();
    await page.getByRole('button', {name: 'New webhook'}).click();
    const dialog = page.getByRole('dialog', {name: 'New webhook'});
    await dialog.getByLabel('URL').fill('http://169.254.169.254/latest');
    await dialog.getByRole('button', {name: 'Create webhook'}).click();
    await expect(dialog.getByLabel('URL')).toHaveAttribute('aria-invalid', 'true');
    await dialog.getByLabel('URL').fill(there.url);
    await dialog.getByLabel('Tell of').selectOption('what I choose');
    await dialog.getByLabel('run.error').uncheck();
    await dialog.getByLabel('run.passed').check();
    await dialog.getByRole('button', {name: 'Create webhook'}).click();

    const once = page.getByRole('dialog', {name: 'Signing secret'});
    await expect(once.getByText('will not be shown again')).toBeVisible();
    await once.getByRole('button', {name: 'Copy secret'}).click();
    const secret = await page.evaluate(() => navigator.clipboard.readText());
    expect(secret).toMatch(/^whsec_/);
    await expect(once.getByLabel('Signing secret')).toHaveText(/^whsec_..•+$/);
    await once.getByRole('button', {name: 'Show'}).click();
    await expect(once.getByLabel('Signing secret')).toHaveText(secret);
    await once.getByRole('button', {name: 'I have stored it'}).click();
    expect(await page.content()).not.toContain(secret);
    const [made] = (await world.ask('GET', `/api/jobs/${job}/webhooks`)).webhooks;
    expect(made.events.sort()).toEqual(['run.failed', 'run.lost', 'run.passed', 'run.timeout']);

    const row = page.locator('.webhooks > li');
    await expect(row).toContainText('nothing sent yet');
    await world.ended(await world.run(job));
    await until(() => there.got.length > 0);
    const {headers, body} = there.got[0];
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const wanted = createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${wanted}`);
    await expect(row).toContainText('delivered');
    await expect(row).toContainText('Answer204');

    // A receiver in trouble is told, and that it is tried again.
    there.status = 500;
    await world.ended(await world.run(job));
    await expect(row).toContainText('not delivered, tried again', {timeout: 20_000});
    await expect(row).toContainText('Answer500');
    await expect(row).toContainText('Waiting1');

    await row.getByRole('button', {name: 'Edit'}).click();
    await page.getByLabel('Tell of').selectOption('everything');
    const sent = page.waitForRequest((request) => request.method() === 'PATCH');
    await page.getByRole('button', {name: 'Save'}).click();
    expect((await sent).postDataJSON()).toEqual({events: ['*']});
    await expect(row).toContainText('told of *');
    await row.getByRole('button', {name: 'Delete'}).click();
    await expect(page.getByRole('dialog')).toContainText('not delivered yet go with it');
    await page.getByRole('dialog').getByRole('button', {name: 'Delete webhook'}).click();
    await expect(page.getByText('No webhooks')).toBeVisible();
    there.close();
});
