// A usherd of its own for the tests of one worker, with an admin, an editor and a viewer; and pages of a browser.
import {test as base, expect} from '@playwright/test';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer as createHttpServer} from 'node:http';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const build = process.env.USHER_BUILD;
export const password = 'correct horse battery';
export const people = {admin: 'ada@example.org', editor: 'edgar@example.org', viewer: 'vera@example.org'};

/// A database of its own on the server of USHER_TEST_PG_URL; nothing when the tests run on SQLite.
class Database {
    static make(name) {
        if (process.env.USHER_TEST_DATABASE !== 'postgres') return null;
        const made = new Database();
        made.name = name;
        made.url = process.env.USHER_TEST_PG_URL.replace(/[^/]*$/, name);
        made.say(`CREATE DATABASE ${name}`);
        return made;
    }

    say = (sql) => execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', process.env.USHER_TEST_PG_URL, '-c', sql], {stdio: ['ignore', 'inherit', 'inherit']});
    drop = () => this.say(`DROP DATABASE ${this.name} WITH (FORCE)`);
}

const freePort = () =>
    new Promise((resolve) => {
        const probe = createServer().listen(0, '127.0.0.1', () => {
            const {port} = probe.address();
            probe.close(() => resolve(port));
        });
    });

export const until = async (what, seconds = 30) => {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
        const found = await what();
        if (found) return found;
    }
    throw new Error(`not within ${seconds} s: ${what}`);
};

/// A receiver that keeps what it is told, and answers with `status`.
export async function receiver() {
    const got = [];
    const made = {got, status: 204};
    const server = createHttpServer((request, response) => {
        let body = '';
        request.on('data', (piece) => (body += piece));
        request.on('end', () => {
            got.push({headers: request.headers, body});
            response.writeHead(made.status).end();
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    made.url = `http://127.0.0.1:${server.address().port}/hook`;
    made.close = () => server.close();
    return made;
}

export class World {
    static async start({extra = '', auth = 'trigger = api-key, session'} = {}) {
        const world = new World();
        world.folder = mkdtempSync(join(tmpdir(), 'usher-e2e-'));
        chmodSync(world.folder, 0o711);
        world.port = await freePort();
        world.url = `http://127.0.0.1:${world.port}`;
        world.log = join(world.folder, 'log');
        const secret = join(world.folder, 'secret');
        writeFileSync(secret, 'e2e-secret-0123456789abcdef-01234\n', {mode: 0o600});
        const secrets = join(world.folder, 'secrets-key');
        writeFileSync(secrets, '0123456789abcdef'.repeat(4) + '\n', {mode: 0o600});
        mkdirSync(join(world.folder, 'state'));
        const sandbox = process.getuid() === 0 ? 'basic' : 'none';
        // Of its own: a launcher ends whatever runs under a user id that it takes, also what another server started.
        const uids = 20_000 + (world.port % 380) * 100;
        world.database = Database.make(`e2e_${process.pid}_${world.port}`);
        const config = join(world.folder, 'usherd.conf');
        writeFileSync(
            config,
            `state_dir = ${world.folder}/state\n${world.database ? `[database]\nurl = ${world.database.url}\n` : ''}[http]\nport = ${world.port}\n[auth]\n${auth}\n[plugins.session]\nsecret_file = ${secret}\n` +
                `[secrets]\nkey_file = ${secrets}\n[webhooks]\nallow = 127.0.0.1\n[exec]\nsandbox = ${sandbox}\nuid_range = ${uids}-${uids + 99}\noutput_cap_bytes = 120000000\n${extra}\n`,
        );
        const out = openSync(world.log, 'a');
        world.process = spawn(join(build, 'bin/usherd'), ['--config', config], {stdio: ['ignore', out, out]});
        await until(async () => {
            if (world.process.exitCode !== null) throw new Error(`usherd did not start:\n${world.logText()}`);
            return fetch(`${world.url}/healthz`).then((answer) => answer.ok, () => false);
        });
        return world;
    }

    logText = () => readFileSync(this.log, 'utf8').slice(-4000);
    setupToken = () => readFileSync(join(this.folder, 'state/setup-token'), 'utf8').trim();

    async stop() {
        const ended = new Promise((resolve) => this.process.once('exit', resolve));
        this.process.kill('SIGTERM');
        await ended;
        this.database?.drop();
        // The leader of the last run may be tidying up still.
        for (let tries = 0; ; tries++) {
            try {
                rmSync(this.folder, {recursive: true, force: true});
                break;
            } catch (error) {
                if (error.code !== 'ENOTEMPTY' || tries === 50) throw error;
                Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
            }
        }
    }

    /// 503 is asked again, as its Retry-After says: this machine may be busy with other tests.
    async ask(method, path, body, token = this.token, again = 10) {
        const answer = await fetch(this.url + path, {
            method,
            headers: {...(token && {Authorization: `Bearer ${token}`}), ...(body !== undefined && {'Content-Type': 'application/json'})},
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await answer.text();
        if (answer.status === 503 && again > 0) {
            await new Promise((resolve) => setTimeout(resolve, 1000));
            return this.ask(method, path, body, token, again - 1);
        }
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
        return JSON.parse(text);
    }

    async setUp() {
        // Asked again after a 503, what was done all the same is there already.
        const make = (path, body, token) => this.ask('POST', path, body, token).catch((error) => expect(error.message).toContain(': 409 '));
        await make('/api/auth/setup', {token: this.setupToken(), email: people.admin, password, name: 'Ada Admin'}, null);
        this.token = (await this.ask('POST', '/api/auth/sign-in/email', {email: people.admin, password, bearer: true}, null)).token;
        await make('/api/users', {email: people.editor, name: 'Edgar Editor', password, role: 'editor'});
        await make('/api/users', {email: people.viewer, name: 'Vera Viewer', password, role: 'viewer'});
        return this;
    }

    /// A job with these shell scripts, one test each; `[title, script]` or only the script.
    async job(name, scripts, settings = {}) {
        const {job} = await this.ask('POST', '/api/jobs', {name, ...settings});
        const tests = [];
        for (const [i, one] of scripts.entries()) {
            const [title, script, type = 'shell'] = Array.isArray(one) ? one : [`step ${i + 1}`, one];
            tests.push((await this.ask('POST', '/api/tests', {title, type, script})).test.id);
        }
        await this.ask('PUT', `/api/jobs/${job.id}/tests`, {tests});
        return job.id;
    }

    async run(jobId, body = {}) {
        return (await this.ask('POST', `/api/jobs/${jobId}/trigger`, body)).data.runId;
    }

    async ended(runId, seconds = 60) {
        return until(async () => {
            const run = await this.ask('GET', `/api/runs/${runId}`);
            return run.status !== 'queued' && run.status !== 'running' && run;
        }, seconds);
    }
}

export const test = base.extend({
    world: [
        async ({}, use) => {
            const world = await (await World.start()).setUp();
            await use(world);
            await world.stop();
        },
        {scope: 'worker'},
    ],
    /// Everything that a page must never do, told after each test: errors of the program, refusals by the policy, requests
    /// to other hosts.
    page: async ({page}, use) => {
        const faults = [];
        page.on('pageerror', (error) => faults.push(`error: ${error}`));
        page.on('console', (line) => /Content.Security.Policy|violates/i.test(line.text()) && faults.push(line.text()));
        page.on('request', (request) => {
            const {hostname, protocol} = new URL(request.url());
            if (protocol.startsWith('http') && hostname !== '127.0.0.1') faults.push(`asked ${request.url()}`);
        });
        await use(page);
        expect(faults).toEqual([]);
    },
    signIn: async ({page, world}, use) => {
        await use(async (who = 'admin', path = '/jobs') => {
            await page.goto(world.url + path);
            await page.getByLabel('E-mail').fill(people[who]);
            await page.getByLabel('Password').fill(password);
            // A password costs time on purpose: on a machine that is busy with other tests the answer may be 503, try again.
            const button = page.getByRole('button', {name: 'Sign in'});
            await expect(async () => {
                if (await button.isVisible()) await button.click({timeout: 1000});
                await expect(page.locator('.shell')).toBeVisible({timeout: 4000});
            }).toPass({timeout: 40_000});
        });
    },
});
export {expect};
