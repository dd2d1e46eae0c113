// A browser looks at a page that this test serves itself, so that nothing outside is needed.
const http = require('http');
const { test, expect } = require('@playwright/test');

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>The door</title>
<h1>Who is there?</h1>
<form><label>Name <input name="who" autocomplete="off"></label> <button>Knock</button></form>
<p role="status"></p>
<script>
  document.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const who = document.querySelector('[name=who]').value.trim();
    document.querySelector('[role=status]').textContent = who ? 'Welcome, ' + who + '!' : 'A name, please.';
  });
</script></html>`;

let server;
let address;

test.beforeAll(async () => {
  server = http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(page);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  address = `http://127.0.0.1:${server.address().port}/`;
});

test.afterAll(() => server.close());

test('greets whoever gives a name', async ({ page }) => {
  await page.goto(address);
  await expect(page).toHaveTitle('The door');
  await page.getByLabel('Name').fill('Ada');
  await page.getByRole('button', { name: 'Knock' }).click();
  await expect(page.getByRole('status')).toHaveText('Welcome, Ada!');
  await page.screenshot({ path: `${process.env.USHER_ARTIFACTS}/welcome.png` });
});

test('asks for a name when there is none', async ({ page }) => {
  await page.goto(address);
  await page.getByRole('button', { name: 'Knock' }).click();
  await expect(page.getByRole('status')).toHaveText('A name, please.');
});
