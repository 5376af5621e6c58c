// The file with the database's password, looked up like psql does.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ParleyError, systemReason } from "../../errors.ts";
import { homeFolder } from "../../io/home-folder.ts";
import { quoted } from "../../text.ts";
import { passwordIn } from "./database-url.ts";

/**
 * Looks up passwords in PGPASSFILE, otherwise in `~/.pgpass`; empty: the database may require none.
 * Each time the file is read again: a password may have been changed since.
 * @throws ParleyError `usage` if the file in PGPASSFILE can't be read, or others can read it
 */
export function passwordSource(
  database: string,
  user: string,
): (host: string, port: number) => string {
  const given = process.env["PGPASSFILE"];
  const isGiven = given !== undefined && given !== "";
  const path = isGiven ? given : join(homeFolder(), ".pgpass");
  let text = read(path, isGiven);
  return (host, port) => {
    try {
      text = read(path, true);
    } catch {
      // It is just being replaced, perhaps: what it held may still be right.
    }
    return passwordIn(text, { host, port, database, user });
  };
}

/** @throws ParleyError `usage`, of a file that can't be read only if it `mustExist` */
function read(path: string, mustExist: boolean): string {
  try {
    // Reading a FIFO would wait for ever.
    if (!statSync(path).isFile()) throw new Error("it is not a regular file");
    const text = readFileSync(path, "utf8");
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new ParleyError(
        "usage",
        `Others can read the passwords in ${quoted(path)}: chmod 600 it`,
      );
    }
    return text;
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    if (!mustExist) return "";
    const reason = systemReason(error);
    throw new ParleyError("usage", `PGPASSFILE ${quoted(path)} can't be read: ${reason}`);
  }
}
