// Parses `--data postgres://…`. The password is never part of it, since others can read command
// lines and environments; it comes from a file (PGPASSFILE), like with psql. Pure.

import { ParleyError } from "../../errors.ts";
import { quoted } from "../../text.ts";

export type DatabaseUrl = {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly database: string;
  /** libpq's names. */
  readonly tls: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
};

const form = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const defaultPort = 5432;
const modes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

export function isDatabaseUrl(text: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(text);
}

/** `fallbackUser`: the name of the user who runs the server. @throws ParleyError `usage` */
export function parseDatabaseUrl(text: string, fallbackUser: string): DatabaseUrl {
  const found = form.exec(text);
  if (found === null) throw wrong("must look like postgres://USER@HOST:PORT/DATABASE");
  const [, account = "", hostList = "", path = "", query = ""] = found;
  if (account.includes(":")) {
    throw wrong(
      "has a password in it, which others could see: put it into a file and name that in PGPASSFILE",
    );
  }
  const user = decoded(account) || fallbackUser;
  const parameters = new URLSearchParams(query);
  for (const [name] of parameters) {
    if (name !== "sslmode") throw wrong(`can't have the parameter ${quoted(name)}: only sslmode`);
  }
  const mode = parameters.get("sslmode") ?? "prefer";
  const tls = modes.find((one) => one === mode);
  if (tls === undefined) throw wrong(`has sslmode ${quoted(mode)}: use one of ${modes.join(", ")}`);
  const hosts = (hostList === "" ? "127.0.0.1" : hostList).split(",").map(placeOf);
  return { hosts, user, database: decoded(path) || user, tls };
}

function placeOf(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(found?.[3] ?? defaultPort);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw wrong(`has ${quoted(text)} for HOST:PORT`);
  }
  return { host, port };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`has a % in ${quoted(text)} that begins no escape: write %25`);
  }
}

/** `why`: what the URL has or must have. */
function wrong(why: string): ParleyError {
  return new ParleyError("usage", `--data ${why}`);
}

/**
 * The password for a database in the text of a password file (PostgreSQL documentation, "The
 * Password File"): lines `HOST:PORT:DATABASE:USER:PASSWORD`, `*` matches anything, `\` escapes.
 * Empty: there is none.
 */
export function passwordIn(
  text: string,
  wanted: { host: string; port: number; database: string; user: string },
): string {
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const fields = splitFields(line);
    const [host, port, database, user, password] = fields;
    if (fields.length < 5 || password === undefined) continue;
    const fits =
      (host === "*" || host === wanted.host) &&
      (port === "*" || port === String(wanted.port)) &&
      (database === "*" || database === wanted.database) &&
      (user === "*" || user === wanted.user);
    if (fits) return password;
  }
  return "";
}

function splitFields(line: string): string[] {
  const fields = [""];
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (char === "\\" && i + 1 < line.length) fields.push(`${fields.pop()}${line[++i]}`);
    // A colon in the password needs no escape.
    else if (char === ":" && fields.length < 5) fields.push("");
    else fields.push(`${fields.pop()}${char}`);
  }
  return fields;
}
