// One database, two programs: better-auth and usherd. Run by ./run; arguments: LINE BUILD-FOLDER [LAYOUT…].
import { randomBytes } from "node:crypto";
import pg from "pg";
import { cookieOf, Daemon } from "./daemon.mjs";
import { createApplication } from "./application.mjs";

const [line, build, ...chosen] = process.argv.slice(2);
const layouts = chosen.length ? chosen : ["camel", "snake", "drizzle", "sqlite"];
let failures = 0;
let where = "";

function expect(what, seen, wanted) {
  if (JSON.stringify(seen) === JSON.stringify(wanted)) return console.log(`ok      ${where}: ${what}`);
  ++failures;
  console.log(`NOT OK  ${where}: ${what}: ${JSON.stringify(seen)} in place of ${JSON.stringify(wanted)}`);
}

/// What better-auth's endpoints answer as a Response, called as its HTTP handler would be.
function post(auth, path, body, cookie) {
  const headers = { "content-type": "application/json", origin: "http://127.0.0.1:3000" };
  if (cookie) headers.cookie = cookie;
  return auth.handler(new Request("http://127.0.0.1:3000/api/auth" + path, { method: "POST", headers, body: JSON.stringify(body) }));
}

const theirUser = async (auth, cookie) => (await auth.api.getSession({ headers: new Headers({ cookie }) }))?.user.email ?? null;
const ourUser = async (daemon, cookie) => (await daemon.request("GET", "/api/auth/get-session", { cookie })).body?.user.email ?? null;

async function sessions(daemon, auth, query) {
  const password = "correct horse battery";
  const ada = { email: "ada@example.org", password };
  const made = await daemon.request("POST", "/api/auth/setup", { body: { token: daemon.setupToken(), name: "Ada", ...ada } });
  expect("the first admin is made here", made.status, 201);

  const ours = (await daemon.request("POST", "/api/auth/sign-in/email", { body: ada })).cookie;
  expect("a session made by usherd is accepted by better-auth", await theirUser(auth, ours), ada.email);
  const elsewhere = await post(auth, "/sign-in/email", ada);
  expect("a user made by usherd signs in at better-auth", elsewhere.status, 200);
  expect("that session is accepted by usherd", await ourUser(daemon, cookieOf(elsewhere)), ada.email);

  const bob = { email: "bob@example.org", password, name: "Bob" };
  expect("a user signs up at better-auth", (await post(auth, "/sign-up/email", bob)).status, 200);
  const theirs = cookieOf(await post(auth, "/sign-in/email", bob));
  expect("a session made by better-auth is accepted by usherd", await ourUser(daemon, theirs), bob.email);
  const here = await daemon.request("POST", "/api/auth/sign-in/email", { body: { email: bob.email, password } });
  expect("a user made by better-auth signs in at usherd", [here.status, await theirUser(auth, here.cookie)], [200, bob.email]);
  expect("whom it made reads here", (await daemon.request("GET", "/api/jobs", { cookie: theirs })).status, 200);
  const denied = await daemon.request("POST", "/api/jobs", { cookie: theirs, body: { name: "no" } });
  expect("whom it made changes nothing here until he has a role", denied.status, 403);

  expect("a cookie with another signature is refused by usherd", await ourUser(daemon, theirs.replace(/\.[^;]{6}/, ".AAAAAA")), null);
  await post(auth, "/sign-out", {}, theirs);
  expect("a session ended at better-auth is dead here at once", await ourUser(daemon, theirs), null);
  await daemon.request("POST", "/api/auth/sign-out", { cookie: here.cookie });
  expect("a session ended here is dead at better-auth at once", await theirUser(auth, here.cookie), null);
  const [{ id }] = await query(`select id from "user" where email = '${ada.email}'`);
  return { cookie: ours, userId: id };
}

async function makeJob(daemon, cookie) {
  const test = await daemon.request("POST", "/api/tests", { cookie, body: { title: "true", type: "shell", script: "true\n" } });
  const job = await daemon.request("POST", "/api/jobs", { cookie, body: { name: "nightly" + randomBytes(4).toString("hex") } });
  const id = job.body.job.id;
  await daemon.request("PUT", `/api/jobs/${id}/tests`, { cookie, body: { tests: [test.body.test.id] } });
  return id;
}

async function theirKeys(daemon, auth, { cookie, userId }) {
  const job = await makeJob(daemon, cookie);
  const other = await makeJob(daemon, cookie);
  const permissions = { jobs: [`trigger:${job}`] };
  const made = await auth.api.createApiKey({ body: { name: "ci", userId, permissions, rateLimitEnabled: false } });
  const trigger = async (id) => {
    const answer = await daemon.request("POST", `/api/jobs/${id}/trigger`, { key: made.key });
    return [answer.status, answer.body.code ?? answer.body.data.status];
  };
  const set = (change) => auth.api.updateApiKey({ body: { keyId: made.id, userId, ...change } });
  expect("a key made by better-auth triggers a job here", await trigger(job), [202, "queued"]);
  expect("it is not good for another job", await trigger(other), [403, "API_KEY_NOT_AUTHORIZED"]);
  await set({ enabled: false });
  expect("disabled by better-auth, it is refused here at once", await trigger(job), [401, "API_KEY_DISABLED"]);
  await set({ enabled: true });
  expect("enabled again, it works again", await trigger(job), [202, "queued"]);
  await set({ permissions: { jobs: [`read:${job}`] } });
  expect("narrowed by better-auth, it is refused here at once", await trigger(job), [403, "API_KEY_NOT_AUTHORIZED"]);
  await set({ permissions, remaining: 2 });
  expect("its uses are counted down here", [await trigger(job), await trigger(job), await trigger(job)],
    [[202, "queued"], [202, "queued"], [429, "USAGE_EXCEEDED"]]);
  // The two counted uses stand in the window already.
  await set({ remaining: 100, rateLimitEnabled: true, rateLimitMax: 3, rateLimitTimeWindow: 60_000 });
  expect("its rate limit holds here", [(await trigger(job))[0], (await trigger(job))[0], (await trigger(job))[0]],
    [202, 429, 429]);
  await post(auth, "/api-key/delete", { keyId: made.id }, cookie);
  expect("deleted by better-auth, it is unknown here at once", await trigger(job), [401, "INVALID_API_KEY"]);
  const brief = await auth.api.createApiKey({ body: { name: "brief", userId, permissions, expiresIn: 24 * 60 * 60 } });
  made.key = brief.key;
  expect("a key that ends tomorrow works today", await trigger(job), [202, "queued"]);
}

async function ourKeys(daemon, auth, { cookie }) {
  const job = await makeJob(daemon, cookie);
  const keys = `/api/jobs/${job}/api-keys`;
  const create = async (body) => {
    const answer = await daemon.request("POST", keys, { cookie, body });
    if (answer.status !== 201) throw new Error(`no key was made here: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.apiKey;
  };
  const verify = async (key, permission) => {
    const { valid, error } = await auth.api.verifyApiKey(
      { body: { key, ...(permission && { permissions: { jobs: [permission] } }) } });
    return valid || (error?.code ?? false);
  };
  const trigger = async (key) => (await daemon.request("POST", `/api/jobs/${job}/trigger`, { key })).status;

  const key = await create({ name: "release", expiresIn: 86_400 });
  expect("a key made here triggers here", await trigger(key.key), 202);
  expect("a key made here verifies at better-auth", await verify(key.key), true);
  expect("with its permission too", await verify(key.key, `trigger:${job}`), true);
  expect("not with a permission that it has not", (await verify(key.key, "trigger:00000000-0000-4000-8000-000000000000")) === true, false);
  await daemon.request("PATCH", `${keys}/${key.id}`, { cookie, body: { enabled: false } });
  expect("disabled here, it is refused by better-auth at once", await verify(key.key), "KEY_DISABLED");
  await daemon.request("PATCH", `${keys}/${key.id}`, { cookie, body: { enabled: true } });
  expect("enabled here, it verifies again", await verify(key.key), true);
  const next = (await daemon.request("POST", `${keys}/${key.id}/rotate`, { cookie, body: { graceSeconds: 60 } })).body.apiKey;
  expect("rotated here, the new one and (in its grace) the old one verify", [await verify(next.key), await verify(key.key)], [true, true]);
  await daemon.request("DELETE", `${keys}/${next.id}`, { cookie });
  expect("deleted here, it is refused by better-auth at once", (await verify(next.key)) === true, false);
  const few = await create({ name: "few", remaining: 3 });
  expect("uses are shared: one here, one there, one here, none left",
    [await trigger(few.key), await verify(few.key), await trigger(few.key), await trigger(few.key)], [202, true, 202, 429]);
  expect("the list shows who made them",
    (await daemon.request("GET", keys, { cookie })).body.apiKeys.map((each) => each.createdByName), ["Ada", "Ada"]);
}

async function run(layout) {
  where = `${line}/${layout}`;
  const secret = randomBytes(24).toString("hex");
  const server = new pg.Pool({ connectionString: process.env.USHER_TEST_PG_URL, max: 1 });
  const name = "usher_interop_" + randomBytes(6).toString("hex");
  let url;
  if (layout !== "sqlite") {
    await server.query(`create database ${name}`);
    url = process.env.USHER_TEST_PG_URL.replace(/\/[^/]*$/, "/" + name);
  }
  const daemon = await Daemon.create(build, secret, url);
  let application;
  try {
    application = await createApplication({ line, layout, secret, url, file: daemon.file });
    await daemon.start();
    const { auth, query } = application;
    const admin = await sessions(daemon, auth, query);
    await theirKeys(daemon, auth, admin);
    await ourKeys(daemon, auth, admin);
    await daemon.stop();
    await daemon.start();
    expect("after a restart of usherd all is as before", await ourUser(daemon, admin.cookie), "ada@example.org");
  } catch (error) {
    ++failures;
    console.log(`NOT OK  ${where}: ${error.stack ?? error}`);
    console.log(daemon.log());
  } finally {
    await daemon.stop();
    await application?.close();
    if (url) await server.query(`drop database ${name} with (force)`);
    await server.end();
    daemon.remove();
  }
}

for (const layout of layouts) await run(layout);
console.log(failures ? `${line}: ${failures} NOT OK` : `${line}: PASS`);
process.exit(failures ? 1 : 0);
