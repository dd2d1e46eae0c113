import {expect, test, until} from './world.js';

test('a run is watched as it happens, and read after its end', async ({page, world, signIn}) => {
    const job = await world.job('nightly', [
        ['prepare', 'echo getting ready'],
        ['count', 'for i in 1 2 3 4 5 6; do echo "tick $i"; sleep 0.4; done'],
    ]);
    await signIn('editor', `/jobs/${job}`);
    await page.getByRole('button', {name: 'Run now'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
    await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
    const log = page.getByRole('region', {name: 'Output of the run'});
    await expect(log).toContainText('tick 2');
    await expect(page.locator('.facts .verdict')).toHaveText('running');
    await expect(log).toContainText('tick 6');
    await expect(page.locator('.facts .verdict')).toHaveText('passed');
    await expect(page.locator('.facts')).toContainText('by hand by Edgar Editor');
    await expect(page.getByRole('region', {name: 'Timeline'})).toContainText('queued');

    await page.reload();
    await expect(log).toContainText('getting ready');
    await expect(log).toContainText('tick 6');
    await page.getByRole('button', {name: /^prepare/}).click();
    await expect(log).not.toContainText('tick 6');
});

test('a running run is cancelled, and run again', async ({page, world, signIn}) => {
    const job = await world.job('long', ['echo begun; sleep 60']);
    const run = await world.run(job);
    await signIn('editor', `/runs/${run}`);
    await expect(page.getByRole('region', {name: 'Output of the run'})).toContainText('begun');
    await page.getByRole('button', {name: 'Cancel'}).click();
    await expect(page.locator('.facts .verdict')).toHaveText('cancelled', {timeout: 20_000});
    await page.getByRole('button', {name: 'Run again'}).click();
    await expect(page).not.toHaveURL(new RegExp(run));
    await page.getByRole('button', {name: 'Cancel'}).click();
    await expect(page.locator('.facts .verdict')).toHaveText('cancelled', {timeout: 20_000});
});

test('a failing job shows why: the failure in its output, its cases, its screenshot', async ({page, world, signIn}) => {
    const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFElEQVR4nGP8z8DAwMDAxMDAwAAADgQBAwcZ0MsAAAAASUVORK5CYII=';
    const junit = '<testsuite><testcase name="adds up" time="0.1"/><testcase name="shows the total" time="0.2"><failure message="expected 3, was 4"/></testcase></testsuite>';
    const job = await world.job('checkout', [
        ['unit', 'for i in $(seq 1 300); do echo "ok $i"; done'],
        ['page', `for i in $(seq 1 300); do echo "step $i"; done; echo "AssertionError: expected 3, was 4"; for i in $(seq 1 300); do echo "after $i"; done
echo ${png} | base64 -d > "$USHER_ARTIFACTS/total.png"; echo '${junit}' > "$USHER_RESULTS/junit.xml"; exit 1`],
    ]);
    const run = await world.run(job);
    await world.ended(run);
    await signIn('viewer', `/runs/${run}`);
    await expect(page.locator('.facts .verdict')).toHaveText('failed');
    await page.getByRole('button', {name: 'First failure'}).click();
    await expect(page.locator('.row.marked')).toContainText('AssertionError: expected 3, was 4');
    await page.getByRole('searchbox', {name: 'Search the output'}).fill('after 7');
    await expect(page.locator('.found')).toHaveText('1 of 11'); // 7, 70 … 79
    await page.getByRole('button', {name: 'Next match'}).click();
    await expect(page.locator('.row.marked')).toContainText('after 70');
    await expect(page.getByText('2 cases, 1 failed')).toBeVisible();
    await expect(page.getByText('shows the total')).toBeVisible();
    await page.getByRole('button', {name: 'Show total.png'}).click();
    const image = page.getByRole('dialog').getByRole('img');
    await expect(image).toBeVisible();
    expect(await image.evaluate((element) => element.naturalWidth)).toBeGreaterThan(0);
});

test('a job with parameters asks for them', async ({page, world, signIn}) => {
    const job = await world.job('greet', ['echo "hello $WHO"'], {parameters: [{name: 'WHO', required: true, pattern: '[a-z]+'}]});
    await signIn('editor', '/jobs');
    await page.getByRole('button', {name: 'Run greet now'}).click();
    await page.getByLabel('WHO').fill('WORLD');
    await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
    await expect(page.getByRole('dialog').getByRole('alert')).toContainText('WHO');
    await page.getByLabel('WHO').fill('world');
    await page.getByRole('dialog').getByRole('button', {name: 'Run now'}).click();
    await expect(page.getByRole('region', {name: 'Output of the run'})).toContainText('hello world');
    await until(async () => (await world.ask('GET', `/api/runs?jobId=${job}`)).runs.length === 1);
});
