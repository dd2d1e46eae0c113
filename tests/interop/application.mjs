// The other program: better-auth with its own tables, as its documentation sets it up. Run from a folder in which
// it is installed; `sqlite` is installed beside it.
import { createRequire } from "node:module";
import { betterAuth } from "better-auth";
import pg from "pg";

/// In the newest line the plugin is a package of its own, in the older one it is part of better-auth.
async function apiKeyPlugin(line) {
  return (await import(line === "newest" ? "@better-auth/api-key" : "better-auth/plugins")).apiKey;
}

async function databaseTools(line) {
  const tools = await import(line === "newest" ? "better-auth/db/migration" : "better-auth/db");
  return { getMigrations: tools.getMigrations, getAuthTables: (await import("better-auth/db")).getAuthTables };
}

const snake = (name) => name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());

/// A Drizzle schema of the tables, column by column as better-auth's generator writes it: timestamps without a zone.
async function drizzleSchema(tables) {
  const { boolean, integer, pgTable, text, timestamp } = await import("drizzle-orm/pg-core");
  const kinds = { boolean, number: integer, date: timestamp };
  const schema = {};
  for (const [model, table] of Object.entries(tables)) {
    const columns = { id: text("id").primaryKey() };
    for (const [name, field] of Object.entries(table.fields)) {
      let column = (kinds[field.type] ?? text)(snake(name));
      if (field.required !== false) column = column.notNull();
      if (field.unique) column = column.unique();
      if (field.references)
        column = column.references(() => schema[field.references.model].id, { onDelete: field.references.onDelete ?? "cascade" });
      columns[name] = column;
    }
    schema[model] = pgTable(table.modelName ?? model, columns);
  }
  return schema;
}

async function createDrizzleTables(pool, schema) {
  const { getTableConfig } = await import("drizzle-orm/pg-core");
  const constraints = [];
  for (const table of Object.values(schema)) {
    const { name, columns, foreignKeys } = getTableConfig(table);
    const lines = columns.map((column) => `"${column.name}" ${column.getSQLType()}` +
      (column.primary ? " primary key" : column.notNull ? " not null" : "") + (column.isUnique ? " unique" : ""));
    await pool.query(`create table "${name}" (${lines.join(", ")})`);
    for (const key of foreignKeys) {
      const { columns: [from], foreignColumns: [to], foreignTable } = key.reference();
      constraints.push(`alter table "${name}" add foreign key ("${from.name}") references ` +
        `"${getTableConfig(foreignTable).name}" ("${to.name}") on delete ${key.onDelete}`);
    }
  }
  for (const constraint of constraints) await pool.query(constraint);
}

/// `layout`: camel (its default), snake (its field names mapped), drizzle (snake_case by its Drizzle adapter),
/// sqlite (its default in a file). Makes the tables unless `tables` is false; returns { auth, query, close }.
export async function createApplication({ line, layout, secret, url, file, tables = true }) {
  const apiKey = await apiKeyPlugin(line);
  const { getMigrations, getAuthTables } = await databaseTools(line);
  const options = {
    secret, baseURL: "http://127.0.0.1:3000", emailAndPassword: { enabled: true }, rateLimit: { enabled: false },
    logger: { disabled: true }, telemetry: { enabled: false },
  };
  const keys = {};
  if (layout === "snake") {
    const mapped = (fields) => Object.fromEntries(fields.filter((name) => snake(name) !== name).map((name) => [name, snake(name)]));
    const known = getAuthTables({ ...options, plugins: [apiKey()] });
    for (const model of ["user", "session", "account", "verification"])
      options[model] = { fields: mapped(Object.keys(known[model].fields)) };
    keys.schema = { apikey: { fields: mapped(Object.keys(known.apikey.fields)) } };
  }
  options.plugins = [apiKey(keys)];

  if (layout === "sqlite") {
    const Database = createRequire(new URL("../sqlite/package.json", import.meta.url))("libsql");
    const { Kysely, SqliteDialect } = await import("kysely");
    const handle = new Database(file);
    handle.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON");
    options.database = { db: new Kysely({ dialect: new SqliteDialect({ database: handle }) }), type: "sqlite" };
    if (tables) await (await getMigrations(options)).runMigrations();
    return { auth: betterAuth(options), query: (sql) => handle.prepare(sql).all(), close: () => handle.close() };
  }

  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", () => {}); // a connection that ends while nobody uses it
  if (layout === "drizzle") {
    const { drizzle } = await import("drizzle-orm/node-postgres");
    const { drizzleAdapter } = await import("better-auth/adapters/drizzle");
    const schema = await drizzleSchema(getAuthTables(options));
    if (tables) await createDrizzleTables(pool, schema);
    options.database = drizzleAdapter(drizzle(pool), { provider: "pg", schema });
  } else {
    options.database = pool;
    if (tables) await (await getMigrations(options)).runMigrations();
  }
  return { auth: betterAuth(options), query: async (sql) => (await pool.query(sql)).rows, close: () => pool.end() };
}
