// What every Playwright test of this server shares. The script of a run lies in that run's folder, so that is where
// Playwright must look; its worker processes read this file again, without the command line, hence the environment.
const fs = require('fs');
const path = require('path');

const script = process.argv.find((word) => /\.spec\.[jt]s$/.test(word));
if (script) process.env.USHER_TEST_FOLDER = path.dirname(path.resolve(script));

// Chromium puts a socket below TMPDIR, and the name of a socket has at most 107 bytes: a run's own folder lies too deep.
if (!process.env.USHER_SHORT_FOLDER) {
  const folder = fs.mkdtempSync('/tmp/usher-chromium-');
  process.env.USHER_SHORT_FOLDER = folder;
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
}

module.exports = {
  testDir: process.env.USHER_TEST_FOLDER,
  timeout: 30_000,
  workers: 1,
  fullyParallel: false,
  use: {
    headless: true,
    // Of what failed, the run keeps how it looked and how it came to that (usherctl run artifacts).
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      env: { ...process.env, TMPDIR: process.env.USHER_SHORT_FOLDER },
      executablePath: process.env.USHER_CHROMIUM || '/usr/bin/chromium',
      // The test runs as a user of its own without the right to gain privileges: Chromium's own sandbox needs that right.
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-breakpad'],
    },
  },
};
