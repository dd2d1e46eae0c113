import {defineConfig} from '@playwright/test';

export default defineConfig({
    testDir: '.',
    outputDir: 'results',
    timeout: 90_000,
    expect: {timeout: 15_000},
    workers: 1,
    fullyParallel: false,
    forbidOnly: true,
    reporter: [['list']],
    use: {
        browserName: 'chromium',
        viewport: {width: 1280, height: 800},
        permissions: ['clipboard-read', 'clipboard-write'],
        launchOptions: {
            executablePath: process.env.USHER_CHROMIUM,
            args: process.getuid() === 0 ? ['--no-sandbox'] : [],
        },
        trace: 'off',
        screenshot: 'only-on-failure',
    },
});
