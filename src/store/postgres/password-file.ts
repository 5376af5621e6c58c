// The file with the database's password, looked up like psql does.

import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ParleyError, systemReason } from "../../errors.ts";
import { quoted } from "../../text.ts";
import { passwordIn } from "./database-url.ts";

/**
 * Looks up passwords in PGPASSFILE, otherwise in `~/.pgpass`; empty: the database may require none.
 * @throws ParleyError `usage` if the file in PGPASSFILE can't be read, or others can read it
 */
export function passwordSource(
  database: string,
  user: string,
): (host: string, port: number) => string {
  const given = process.env["PGPASSFILE"];
  const path = given ?? join(homedir(), ".pgpass");
  let text: string;
  try {
    // Reading a FIFO would wait for ever.
    if (!statSync(path).isFile()) throw new Error("it is not a regular file");
    text = readFileSync(path, "utf8");
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new ParleyError(
        "usage",
        `Others can read the passwords in ${quoted(path)}: chmod 600 it`,
      );
    }
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    if (given === undefined) return () => "";
    const reason = systemReason(error);
    throw new ParleyError("usage", `PGPASSFILE ${quoted(path)} can't be read: ${reason}`);
  }
  return (host, port) => passwordIn(text, { host, port, database, user });
}
