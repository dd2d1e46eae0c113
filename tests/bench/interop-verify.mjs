// How fast is a check of a key, and no run? usherd against better-auth's verifyApiKey behind a minimal HTTP server:
// one PostgreSQL, the same tables made by better-auth, the same client program, row beside row.
//
//   tests/bench/interop-verify                  builds preset release if it must; some two minutes
//   tests/bench/interop-verify --seconds 10     longer per row (default 5)
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { createApplication } from "./application.mjs";
import { Daemon } from "./daemon.mjs";

const [build, ...options] = process.argv.slice(2);
const TARGETS = 64;
const WINDOW_MS = 24 * 60 * 60 * 1000;

/// The other side: what an application does that asks better-auth before it acts.
async function serve() {
  const { auth } = await createApplication({ line: "newest", layout: "camel", secret: process.env.SECRET, url: process.env.URL, tables: false });
  const statuses = { RATE_LIMITED: 429, USAGE_EXCEEDED: 429 };
  const server = createServer(async (request, response) => {
    request.resume();
    const key = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    const job = request.url.split("/")[3];
    const { valid, error } = await auth.api.verifyApiKey({ body: { key, permissions: { jobs: [`trigger:${job}`] } } });
    const body = JSON.stringify({ valid, code: error?.code });
    response.writeHead(valid ? 200 : statuses[error?.code] ?? 401, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  process.stdin.resume().once("end", () => process.exit(0)); // ends with whoever started it
}

function load(port, targets, expect, connections, seconds) {
  const list = ["load", "--port", port, "--targets", targets, "--expect", expect, "--connections", connections, "--seconds", seconds];
  return new Promise((done, failed) => execFile(join(build, "bin/bench_trigger"), list.map(String), (error, out, err) => {
    if (error) return failed(new Error(err || String(error)));
    const result = JSON.parse(out);
    const others = Object.entries(result.answers).filter(([status]) => Number(status) !== expect);
    const count = others.reduce((sum, [, number]) => sum + number, 0);
    if (count > result.rate * seconds / 1000) failed(new Error(`other answers: ${JSON.stringify(others)} ${result.firstRefusal}`));
    done(result);
  }));
}

/// 64 jobs with a key each: `limit` is their rate limit, `paused` jobs insert no run.
async function ours(daemon, cookie, name, limit, paused) {
  const call = async (method, path, body) => {
    const answer = await daemon.request(method, path, { cookie, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const test = (await call("POST", "/api/tests", { title: name, type: "shell", script: "true\n" })).test.id;
  const lines = [];
  for (let i = 0; i < TARGETS; ++i) {
    const job = (await call("POST", "/api/jobs", { name: `${name} ${i}` })).job.id;
    await call("PUT", `/api/jobs/${job}/tests`, { tests: [test] });
    if (paused) await call("PATCH", `/api/jobs/${job}`, { paused });
    const { key } = (await call("POST", `/api/jobs/${job}/api-keys`, { name, rateLimit: limit })).apiKey;
    if (limit?.max === 1) await daemon.request("POST", `/api/jobs/${job}/trigger`, { key }); // the one use
    lines.push(`${job} ${key}\n`);
  }
  return saved(daemon, "ours-" + name, lines);
}

async function theirs(daemon, auth, userId, name, settings, used) {
  const lines = [];
  for (let i = 0; i < TARGETS; ++i) {
    const job = crypto.randomUUID();
    const { key } = await auth.api.createApiKey({ body: { name, userId, permissions: { jobs: [`trigger:${job}`] }, ...settings } });
    if (used) await auth.api.verifyApiKey({ body: { key } });
    lines.push(`${job} ${key}\n`);
  }
  return saved(daemon, "theirs-" + name, lines);
}

function saved(daemon, name, lines) {
  const file = join(daemon.folder, name.replaceAll(" ", "-"));
  writeFileSync(file, lines.join(""), { mode: 0o600 });
  return file;
}

async function main() {
  const at = options.indexOf("--seconds");
  const seconds = at < 0 ? 5 : Number(options[at + 1]);
  const secret = randomBytes(24).toString("hex");
  const name = "usher_bench_" + randomBytes(6).toString("hex");
  const pool = new pg.Pool({ connectionString: process.env.USHER_TEST_PG_URL, max: 1 });
  await pool.query(`create database ${name}`);
  const url = process.env.USHER_TEST_PG_URL.replace(/\/[^/]*$/, "/" + name);
  const daemon = await Daemon.create(build, secret, url);
  const application = await createApplication({ line: "newest", layout: "camel", secret, url });
  let server;
  try {
    await daemon.start();
    const admin = { email: "bench@example.org", password: randomBytes(12).toString("hex") };
    await daemon.request("POST", "/api/auth/setup", { body: { token: daemon.setupToken(), ...admin } });
    const { cookie } = await daemon.request("POST", "/api/auth/sign-in/email", { body: admin });
    const [{ id }] = await application.query(`select id from "user"`);
    server = spawn(process.execPath, [fileURLToPath(import.meta.url), build, "--serve"],
      { env: { ...process.env, SECRET: secret, URL: url, NODE_ENV: "production" }, stdio: ["pipe", "pipe", "inherit"] });
    const port = Number((await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()).value);
    const rows = [
      ["refused for its window", { max: 1, windowSeconds: 86_400 }, false, 429,
        { rateLimitEnabled: true, rateLimitMax: 1, rateLimitTimeWindow: WINDOW_MS }, 429],
      ["counted (here: and given back)", { max: 10_000, windowSeconds: 1 }, true, 409,
        { rateLimitEnabled: true, rateLimitMax: 1_000_000_000, rateLimitTimeWindow: WINDOW_MS }, 200],
      ["no limit", null, true, 409, { rateLimitEnabled: false }, 200],
    ];
    const number = (value) => Math.round(value).toLocaleString("en");
    console.log("| check | clients | usherd | p50 | better-auth | p50 | ratio |\n|---|--:|--:|--:|--:|--:|--:|");
    for (const [what, limit, paused, expected, settings, answered] of rows) {
      const here = await ours(daemon, cookie, what, limit, paused);
      const there = await theirs(daemon, application.auth, id, what, settings, answered === 429);
      for (const clients of [1, 64]) {
        const us = await load(daemon.port, here, expected, clients, seconds);
        const them = await load(port, there, answered, clients, seconds);
        console.log(`| ${what} | ${clients} | ${number(us.rate)}/s | ${us.p50.toFixed(2)} ms | ${number(them.rate)}/s | ` +
          `${them.p50.toFixed(2)} ms | ${(us.rate / them.rate).toFixed(1)} × |`);
      }
    }
    console.log(`\n${cpus().length} cores, client, servers and PostgreSQL on this one machine; ${seconds} s a row; Node.js ${process.version}.`);
  } finally {
    server?.stdin.end();
    await daemon.stop();
    await application.close();
    await pool.query(`drop database ${name} with (force)`);
    await pool.end();
    daemon.remove();
  }
}

await (options[0] === "--serve" ? serve() : main());
