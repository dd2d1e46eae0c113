// usherd in a folder of its own, and a client of its HTTP port. Nothing here knows better-auth.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

export class Daemon {
  /// `databaseUrl`: undefined for an SQLite file of its own; then `file` names it.
  static async create(build, secret, databaseUrl) {
    const daemon = new Daemon();
    daemon.build = build;
    daemon.folder = mkdtempSync("/tmp/usher-interop-");
    chmodSync(daemon.folder, 0o711); // tests with a user of their own pass through
    daemon.file = join(daemon.folder, "shared.db");
    daemon.port = await freePort();
    daemon.origin = `http://127.0.0.1:${daemon.port}`;
    writeFileSync(join(daemon.folder, "secret"), secret + "\n", { mode: 0o600 });
    writeFileSync(join(daemon.folder, "usherd.conf"), `state_dir = ${daemon.folder}/state
[http]
port = ${daemon.port}
[database]
url = ${databaseUrl ?? `sqlite://${daemon.file}`}
[plugins.session]
secret_file = ${daemon.folder}/secret
[exec]
sandbox = ${process.getuid() === 0 ? "basic" : "none"}
`);
    return daemon;
  }

  log() {
    return readFileSync(join(this.folder, "log"), "utf8").slice(-3000);
  }

  async start() {
    const log = openSync(join(this.folder, "log"), "a");
    this.process = spawn(join(this.build, "bin/usherd"), ["--config", join(this.folder, "usherd.conf")],
      { stdio: ["ignore", log, log] });
    closeSync(log);
    this.ended = new Promise((done) => this.process.once("exit", done));
    for (let i = 0; i < 600; ++i) {
      if (this.process.exitCode !== null) throw new Error(`usherd did not start:\n${this.log()}`);
      try {
        if ((await fetch(this.origin + "/healthz")).ok) return;
      } catch {
        // not yet
      }
      await sleep(50);
    }
    throw new Error(`usherd does not answer:\n${this.log()}`);
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null) return;
    this.process.kill("SIGTERM");
    const killer = setTimeout(() => this.process.kill("SIGKILL"), 15_000);
    await this.ended;
    clearTimeout(killer);
  }

  remove() {
    // The leader of the last run may be tidying up still.
    for (let tries = 0; ; tries++) {
      try {
        return rmSync(this.folder, { recursive: true, force: true });
      } catch (error) {
        if (error.code !== "ENOTEMPTY" || tries === 50) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      }
    }
  }

  setupToken() {
    const file = join(this.folder, "state", "setup-token");
    return existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  }

  /// { status, body, cookie }: `cookie` is what a browser would send back.
  async request(method, path, { body, cookie, key } = {}) {
    const headers = { origin: this.origin };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (cookie) headers.cookie = cookie;
    if (key) headers.authorization = `Bearer ${key}`;
    const answer = await fetch(this.origin + path,
      { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null, cookie: cookieOf(answer) };
  }
}

/// The Cookie field that answers these Set-Cookie fields.
export function cookieOf(answer) {
  return answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
}
