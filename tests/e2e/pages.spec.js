// Every page, as people see it: wide and light, narrow and dark. A picture of each is kept for somebody to look at, and axe
// looks for what keeps people out.
import {judge} from './judge.js';
import {expect, receiver, test} from './world.js';

/// A server in which something has happened.
async function populate(world, png) {
    const shop = await world.job('shop: nightly regression', [['start the shop', 'echo up'], ['add to the cart', 'sleep 0.2; printf "\\033[32mok\\033[0m cart\\n"'], ['pay', 'echo paid']], {
        description: 'Everything that a customer does, against the staging shop.',
        parameters: [{name: 'BROWSER', default: 'chromium', pattern: 'chromium|firefox'}],
    });
    const flaky = await world.job('mail delivery', [['send', 'test $(($(date +%s%N) / 1000000 % 2)) = 0']]);
    const paused = await world.job('old importer', [['import', 'true']], {paused: true});
    await world.job('just made', []);
    for (let i = 0; i < 6; i++) await world.ended(await world.run(shop));
    for (let i = 0; i < 5; i++) await world.ended(await world.run(flaky));
    const junit = '<testsuite><testcase name="cart: adds an article" time="0.12"/><testcase name="cart: shows the total" time="0.21"><failure message="expected 3.00, was 4.00"/></testcase></testsuite>';
    const checkout = await world.job('checkout', [
        ['unit tests', 'for i in $(seq 1 40); do printf "\\033[32m  ok\\033[0m %s a unit that does what it says\\n" $i; done'],
        ['page', `echo "opening the page"; echo "AssertionError: expected 3.00, was 4.00"; base64 -d > "$USHER_ARTIFACTS/total.png" <<PNG
${png}
PNG
echo here; echo '${junit}' > "$USHER_RESULTS/junit.xml"; exit 1`],
        ['clean up', 'echo done'],
    ]);
    const failed = await world.run(checkout);
    await world.ended(failed);
    const make = (name, more = {}) => world.ask('POST', `/api/jobs/${shop}/api-keys`, {name, ...more});
    await make('GitHub, main branch', {expiresIn: 8_000_000});
    await make('trial', {expiresIn: 500_000, remaining: 3, allowedAddresses: ['192.0.2.0/24']});
    const off = await make('old laptop');
    await world.ask('PATCH', `/api/jobs/${shop}/api-keys/${off.apiKey.id}`, {enabled: false});
    await world.ask('PUT', `/api/jobs/${shop}/secrets/SHOP_PASSWORD`, {value: 'not shown'});
    for (const [cron, timeZone, paused] of [['0 3 * * *', 'Europe/Berlin', false], ['*/15 8-17 * * 1-5', 'UTC', false], ['0 12 1 * *', 'America/New_York', true]])
        await world.ask('POST', `/api/jobs/${shop}/schedules`, {cron, timeZone, paused});
    // One that has answered, one that nobody answers, one that has heard nothing.
    for (const [url, events] of [[(await receiver()).url, ['*']], ['http://127.0.0.1:9/usher', ['run.ended']], ['http://127.0.0.1/later', ['run.lost']]]) await world.ask('POST', `/api/jobs/${shop}/webhooks`, {url, events});
    await world.ended(await world.run(shop));
    const {tests} = (await world.ask('GET', `/api/jobs/${shop}`)).job;
    const script = (await world.ask('POST', '/api/tests', {title: 'the door', type: 'python', description: 'Asks the health page', script: '# Is anybody there?\nimport os\nimport urllib.request\n\nanswer = urllib.request.urlopen(os.environ["SHOP"] + "/health", timeout=5)\nassert answer.status == 200, f"answered {answer.status}"\nprint("alive")\n'})).test.id;
    return {shop, paused, failed, test: script, passed: (await world.ask('GET', `/api/runs?jobId=${shop}`)).runs[0].id, tests};
}

let made;

const pages = {
    jobs: () => '/jobs',
    'job-runs': (m) => `/jobs/${m.shop}`,
    'job-tests': (m) => `/jobs/${m.shop}/tests`,
    'job-keys': (m) => `/jobs/${m.shop}/keys`,
    'job-schedules': (m) => `/jobs/${m.shop}/schedules`,
    'job-webhooks': (m) => `/jobs/${m.shop}/webhooks`,
    'job-schedules-none': (m) => `/jobs/${m.paused}/schedules`,
    'job-webhooks-none': (m) => `/jobs/${m.paused}/webhooks`,
    'job-secrets': (m) => `/jobs/${m.shop}/secrets`,
    'job-settings': (m) => `/jobs/${m.shop}/settings`,
    'job-new': () => '/jobs/new',
    'job-paused': (m) => `/jobs/${m.paused}`,
    'job-missing': () => '/jobs/0192f0c1-2345-7abc-8def-0123456789ab',
    tests: () => '/tests',
    test: (m) => `/tests/${m.test}`,
    runs: () => '/runs',
    'runs-none': () => '/runs?status=lost',
    'run-failed': (m) => `/runs/${m.failed}`,
    'run-passed': (m) => `/runs/${m.passed}`,
    users: () => '/users',
    sessions: () => '/sessions',
    nodes: () => '/nodes',
    plugins: () => '/plugins',
    audit: () => '/audit',
};

for (const [look, viewport, colorScheme] of [
    ['light', {width: 1280, height: 800}, 'light'],
    ['dark-360', {width: 360, height: 740}, 'dark'],
]) {
    test(`every page, ${look}`, async ({page, world, signIn}) => {
        test.setTimeout(600_000);
        if (!made) {
            await page.goto(`${world.url}/sign-in`);
            made = await populate(world, (await page.screenshot()).toString('base64'));
        }
        await page.setViewportSize(viewport);
        await page.emulateMedia({colorScheme, reducedMotion: 'reduce'});
        await page.goto(`${world.url}/sign-in`);
        await expect(page.getByRole('heading', {name: 'Sign in'})).toBeVisible();
        await judge(page, `sign-in-${look}`);
        await page.goto(`${world.url}/setup`);
        await expect(page.getByRole('heading', {name: /Set up/})).toBeVisible();
        await judge(page, `setup-${look}`);
        await signIn('admin');
        for (const [name, path] of Object.entries(pages)) {
            await page.goto(world.url + path(made));
            await expect(page.getByRole('main').getByRole('heading', {level: 1})).toBeVisible();
            await judge(page, `${name}-${look}`);
        }
        for (const [name, path, open] of [
            ['dialog-key', `/jobs/${made.shop}/keys`, 'New API key'],
            ['dialog-trigger', `/jobs/${made.shop}`, 'Run now'],
            ['dialog-delete', `/jobs/${made.shop}/settings`, 'Delete job'],
            ['dialog-schedule', `/jobs/${made.shop}/schedules`, 'New schedule'],
            ['dialog-webhook', `/jobs/${made.shop}/webhooks`, 'New webhook'],
            ['dialog-user', '/users', 'New user'],
        ]) {
            await page.goto(world.url + path);
            await page.getByRole('button', {name: open}).click();
            await expect(page.getByRole('dialog')).toBeVisible();
            await judge(page, `${name}-${look}`);
        }
        if (viewport.width < 500) {
            await page.goto(`${world.url}/jobs`);
            await page.getByRole('button', {name: 'Menu'}).click();
            await judge(page, `menu-${look}`);
        }
    });
}
