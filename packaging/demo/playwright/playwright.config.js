// What every Playwright test of this server shares. The script of a run lies in that run's folder, so that is where
// Playwright must look; its worker processes read this file again, without the command line, hence the environment.
const path = require('path');

const script = process.argv.find((word) => /\.spec\.[jt]s$/.test(word));
if (script) process.env.USHER_TEST_FOLDER = path.dirname(path.resolve(script));

module.exports = {
  testDir: process.env.USHER_TEST_FOLDER,
  timeout: 30_000,
  workers: 1,
  fullyParallel: false,
  use: {
    headless: true,
    launchOptions: {
      executablePath: process.env.USHER_CHROMIUM || '/usr/bin/chromium',
      // The test runs as a user of its own without the right to gain privileges: Chromium's own sandbox needs that right.
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-breakpad'],
    },
  },
};
