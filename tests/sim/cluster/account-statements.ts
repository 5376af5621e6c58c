// The statements of src/store/postgres/accounts.ts and account-changes.ts, on the simulated tables.

import type { Row, Value } from "../../../src/store/postgres/database.ts";
import { Refused } from "../../../src/store/postgres/database.ts";
import type { AccountRow, AccountTables } from "./account-tables.ts";
import type { Undo } from "./rows.ts";

type Context = {
  readonly tables: { readonly accounts: AccountTables };
  readonly nowMs: number;
  readonly undo: Undo;
};
type Statement = (context: Context, values: readonly Value[]) => readonly Row[];

const none: readonly Row[] = [];
const one: readonly Row[] = [{}];
const text = (value: Value | undefined): string | null =>
  value === null || value === undefined ? null : String(value);

function rows(found: AccountRow | undefined): readonly Row[] {
  return found === undefined ? none : [found];
}

const select = "SELECT a.id, a.name, a.folded, a.password, a.mail FROM parley.accounts a";

/** Changes the keys of an account that `isMeant`; one row for each. */
function changeKey(
  { tables: { accounts }, undo }: Context,
  [account, key]: readonly Value[],
  fields: (row: { used: number; mail: number }) => object,
): readonly Row[] {
  const row = accounts.keys.get(`${account} ${key}`);
  if (row === undefined || row.revoked !== null) return none;
  accounts.putKey({ ...row, ...fields(row) }, undo);
  return one;
}

/** By their first words, without line ends; a longer beginning comes before a shorter one. */
export const accountStatements: Readonly<Record<string, Statement>> = {
  [`${select} WHERE a.id`]: ({ tables: { accounts } }, [id]) =>
    rows(accounts.accounts.get(String(id))),
  [`${select} WHERE a.folded`]: ({ tables: { accounts } }, [folded]) =>
    rows(accounts.named(String(folded))),
  [`${select} JOIN parley.account_keys`]: ({ tables: { accounts } }, [key]) => {
    const found = [...accounts.keys.values()].find(
      (row) => row.key === key && row.revoked === null,
    );
    return rows(accounts.accounts.get(found?.account ?? ""));
  },
  [`${select} JOIN parley.account_tokens`]: ({ tables: { accounts } }, [token]) =>
    rows(accounts.accounts.get(accounts.tokens.get(String(token))?.account ?? "")),
  "SELECT folded FROM parley.accounts": ({ tables: { accounts } }) => [
    ...accounts.accounts.values(),
  ],
  "SELECT key, label, added_ms AS added": ({ tables: { accounts } }, [id]) =>
    accounts.keysOf(String(id)),
  // Everything happens one after another.
  "SELECT 1 FROM parley.accounts WHERE id": () => none,
  "SELECT count(*) AS count FROM parley.accounts": ({ tables: { accounts } }) => [
    { count: accounts.accounts.size },
  ],
  "INSERT INTO parley.accounts": ({ tables: { accounts }, undo }, values) => {
    const [id, name, folded, password] = values;
    if (accounts.named(String(folded)) !== undefined) throw new Refused("not unique", "23505");
    const row = { id: String(id), name: String(name), folded: String(folded), mail: 0 };
    accounts.putAccount({ ...row, password: text(password) }, undo);
    return none;
  },
  "INSERT INTO parley.account_keys": ({ tables: { accounts }, undo }, values) => {
    const [account, key, label, added] = values;
    if (accounts.isActive(String(key))) throw new Refused("not unique", "23505");
    const about = { account: String(account), key: String(key), label: String(label) };
    const times = { added: Number(added), used: Number(added), revoked: null };
    accounts.putKey({ ...about, ...times, mail: 0, vouch: null }, undo);
    return none;
  },
  "UPDATE parley.accounts SET password": ({ tables: { accounts }, undo }, [id, password]) => {
    const row = accounts.accounts.get(String(id));
    if (row !== undefined) accounts.putAccount({ ...row, password: text(password) }, undo);
    return none;
  },
  "UPDATE parley.accounts SET mail": ({ tables: { accounts }, undo }, [id, mail]) => {
    const row = accounts.accounts.get(String(id));
    if (row === undefined) return none;
    accounts.putAccount({ ...row, mail: Math.max(row.mail, Number(mail)) }, undo);
    return none;
  },
  "UPDATE parley.account_keys SET used_ms": (context, values) => {
    const [, , atMs, mail] = values.map(Number);
    return changeKey(context, values, (row) => {
      return { used: Math.max(row.used, atMs ?? 0), mail: Math.max(row.mail, mail ?? 0) };
    });
  },
  "UPDATE parley.account_keys SET revoked_ms": (context, values) =>
    changeKey(context, values, () => ({ revoked: Number(values[2]) })),
  "UPDATE parley.account_keys SET vouch": (context, values) =>
    changeKey(context, values, () => ({ vouch: text(values[2]) })),
  "DELETE FROM parley.account_keys WHERE account = $1 AND key": (context, [account, key]) => {
    const { accounts } = context.tables;
    const row = accounts.keys.get(`${account} ${key}`);
    if (row !== undefined) accounts.dropKey(row, context.undo);
    return none;
  },
  "DELETE FROM parley.account_keys WHERE (account, key) IN": ({ tables, undo }, [account]) => {
    const revoked = tables.accounts.keysOf(String(account)).filter((row) => row.revoked !== null);
    const [oldest] = revoked.toSorted((a, b) => (a.revoked ?? 0) - (b.revoked ?? 0));
    if (oldest !== undefined) tables.accounts.dropKey(oldest, undo);
    return none;
  },
  "INSERT INTO parley.account_tokens": ({ tables, undo }, [account, token, added]) => {
    const own = [...tables.accounts.tokens.values()].filter((row) => row.account === account);
    const next = Math.max(Number(added), ...own.map((row) => row.added + 1));
    const row = { token: String(token), account: String(account), added: next };
    if (tables.accounts.tokens.get(row.token) === undefined) tables.accounts.putToken(row, undo);
    return none;
  },
  "DELETE FROM parley.account_tokens WHERE account = $1 AND token NOT IN": (
    { tables, undo },
    [account, most],
  ) => {
    const all = [...tables.accounts.tokens.values()].filter((row) => row.account === account);
    const kept = all.toSorted((a, b) => b.added - a.added || (a.token < b.token ? -1 : 1));
    const surplus = new Set(kept.slice(Number(most)));
    tables.accounts.dropTokens((row) => surplus.has(row), undo);
    return none;
  },
  "DELETE FROM parley.account_tokens WHERE account = $1 AND token =": (
    { tables, undo },
    [account, token],
  ) => {
    tables.accounts.dropTokens((row) => row.account === account && row.token === token, undo);
    return none;
  },
  "DELETE FROM parley.account_tokens WHERE account": ({ tables, undo }, [account]) => {
    tables.accounts.dropTokens((row) => row.account === account, undo);
    return none;
  },
  "DELETE FROM parley.accounts WHERE id": ({ tables, undo }, [id]) => {
    tables.accounts.dropAccount(String(id), undo);
    return none;
  },
  "DELETE FROM parley.device_codes WHERE account": ({ tables: { accounts }, undo }, [account]) => {
    accounts.dropCodes(String(account), undo);
    return none;
  },
  "INSERT INTO parley.device_codes": ({ tables: { accounts }, undo }, values) => {
    const [hash, account, , key, password] = values;
    const isActive = accounts.keys.get(`${account} ${key}`)?.revoked === null;
    if (key !== null && !isActive) return none;
    const current = accounts.accounts.get(String(account))?.password;
    if (password !== null && password !== current) return none;
    accounts.putCode(String(hash), String(account), undo);
    return one;
  },
  "SELECT account FROM parley.device_codes": ({ tables: { accounts } }, [hash]) => {
    const row = accounts.codes.get(String(hash));
    return row === undefined ? none : [row];
  },
  "DELETE FROM parley.device_codes WHERE hash": ({ tables, undo }, [hash, account]) => {
    const isValid = tables.accounts.codes.get(String(hash))?.account === account;
    if (isValid) tables.accounts.useCode(String(hash), undo);
    return isValid ? one : none;
  },
  "SELECT why FROM parley.account_changes": ({ tables: { accounts } }, [process, request]) => {
    const row = accounts.changes.get(`${process} ${request}`);
    return row === undefined ? none : [row];
  },
  "INSERT INTO parley.account_changes": ({ tables: { accounts }, nowMs, undo }, values) => {
    const [process, request, account, change, why] = values;
    const place = `${process} ${request}`;
    if (accounts.changes.get(place) !== undefined) throw new Refused("not unique", "23505");
    const about = { account: String(account), change: String(change), why: text(why), at: nowMs };
    const row = { process: String(process), request: Number(request), ...about };
    accounts.addChange(row, undo);
    return none;
  },
  "SELECT process, request, account, change": ({ tables }, [lastMs, moreMs]) =>
    tables.accounts.changesAfter(Number(lastMs) - Number(moreMs)).filter(({ why }) => why === null),
};
