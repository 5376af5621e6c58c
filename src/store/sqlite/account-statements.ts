// Prepared statements for accounts.

import type { Database } from "bun:sqlite";
import type { DeviceKey } from "../../chat/accounts/account-store.ts";
import { type Prepare, preparer } from "./prepare.ts";

type Row = { id: string; name: string; folded: string; password: string | null; mail: number };
export type KeyRow = Omit<DeviceKey, "revokedMs" | "vouch"> & {
  revokedMs: number | null;
  vouch: string | null;
};

export type AccountStatements = ReturnType<typeof accountStatements>;

export function accountStatements(db: Database) {
  const { prepare, finalize } = preparer(db);
  return {
    ...ofAccounts(prepare),
    ...ofKeys(prepare),
    ...ofTokens(prepare),
    ...ofWholeAccounts(prepare),
    finalize,
  };
}

function ofAccounts(prepare: Prepare) {
  const select = "SELECT a.id, a.name, a.folded, a.password, a.mail FROM accounts a";
  return {
    byId: prepare<Row, [string]>(`${select} WHERE a.id = ?`),
    byName: prepare<Row, [string]>(`${select} WHERE a.folded = ?`),
    byKey: prepare<Row, [string]>(
      `${select} JOIN account_keys k ON k.account = a.id WHERE k.key = ? AND k.revoked_ms IS NULL`,
    ),
    byToken: prepare<Row, [string]>(
      `${select} JOIN account_tokens t ON t.account = a.id WHERE t.token = ?`,
    ),
    count: prepare<{ count: number }, []>("SELECT count(*) AS count FROM accounts"),
    insert: prepare<never, [string, string, string, string | null, number]>(
      `INSERT INTO accounts (id, name, folded, password, mail, registered_ms)
       VALUES (?, ?, ?, ?, 0, ?)`,
    ),
    setPassword: prepare<never, [string | null, string]>(
      "UPDATE accounts SET password = ? WHERE id = ?",
    ),
    useWithoutKey: prepare<never, [number, string]>(
      "UPDATE accounts SET mail = max(mail, ?) WHERE id = ?",
    ),
  };
}

function ofKeys(prepare: Prepare) {
  return {
    keys: prepare<KeyRow, [string]>(
      `SELECT key, label, added_ms AS addedMs, used_ms AS usedMs, revoked_ms AS revokedMs, mail, vouch
       FROM account_keys WHERE account = ? ORDER BY added_ms, key`,
    ),
    insertKey: prepare<never, [string, string, string, number, number]>(
      `INSERT INTO account_keys (account, key, label, added_ms, used_ms, revoked_ms, mail)
       VALUES (?, ?, ?, ?, ?, NULL, 0)`,
    ),
    revoke: prepare<never, [number, string, string]>(
      "UPDATE account_keys SET revoked_ms = ? WHERE account = ? AND key = ? AND revoked_ms IS NULL",
    ),
    use: prepare<never, [number, number, string, string]>(
      `UPDATE account_keys SET used_ms = max(used_ms, ?), mail = max(mail, ?)
       WHERE account = ? AND key = ? AND revoked_ms IS NULL`,
    ),
    vouch: prepare<never, [string, string, string]>(
      "UPDATE account_keys SET vouch = ? WHERE account = ? AND key = ? AND revoked_ms IS NULL",
    ),
    forgetKey: prepare<never, [string, string]>(
      "DELETE FROM account_keys WHERE account = ? AND key = ?",
    ),
    forgetRevoked: prepare<never, [string]>(
      `DELETE FROM account_keys WHERE (account, key) IN (
         SELECT account, key FROM account_keys WHERE account = ? AND revoked_ms IS NOT NULL
         ORDER BY revoked_ms LIMIT 1)`,
    ),
  };
}

function ofTokens(prepare: Prepare) {
  return {
    /** Newer than the others, whatever the clock says. */
    putToken: prepare<never, [string, string, number]>(
      `INSERT OR IGNORE INTO account_tokens (token, account, added_ms)
       SELECT ?1, ?2, max(?3, coalesce(max(added_ms) + 1, 0)) FROM account_tokens
       WHERE account = ?2`,
    ),
    trimTokens: prepare<never, [string, string, number]>(
      `DELETE FROM account_tokens WHERE account = ? AND token NOT IN (
         SELECT token FROM account_tokens WHERE account = ? ORDER BY added_ms DESC, token LIMIT ?)`,
    ),
    removeToken: prepare<never, [string, string]>(
      "DELETE FROM account_tokens WHERE account = ? AND token = ?",
    ),
    dropTokens: prepare<never, [string]>("DELETE FROM account_tokens WHERE account = ?"),
  };
}

/** Statements about several tables. */
function ofWholeAccounts(prepare: Prepare) {
  const remove = [
    "DELETE FROM account_tokens WHERE account = ?",
    "DELETE FROM account_keys WHERE account = ?",
    "DELETE FROM accounts WHERE id = ?",
  ].map((sql) => prepare<never, [string]>(sql));
  const forgetMail = [
    "UPDATE accounts SET mail = 0 WHERE mail > 0",
    "UPDATE account_keys SET mail = 0 WHERE mail > 0",
  ].map((sql) => prepare<never, []>(sql));
  const removeMail = [
    "DELETE FROM mail WHERE session = ?",
    "DELETE FROM sessions WHERE id = ?",
  ].map((sql) => prepare<never, [string]>(sql));
  return { remove, forgetMail, removeMail };
}
