// Accounts: the owners of names, with keys, password hashes and hashes of tokens.

import {
  type AccountProblem,
  addedKey,
  judge,
  otherKeys,
  type Taken,
} from "../../chat/accounts/account-rules.ts";
import {
  type Account,
  type AccountChange,
  type AccountLookup,
  accountMailbox,
  type AccountOutcome,
  type DeviceKey,
  type OwnMailbox,
} from "../../chat/accounts/account-store.ts";
import { accounts as limits } from "../../limits.ts";
import {
  type AccountNotice,
  type ChangeId,
  concernsOthers,
  keepOutcome,
  outcomeOf,
} from "./account-changes.ts";
import { Refused, type Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";

type Change<T extends AccountChange["type"]> = Extract<AccountChange, { type: T }>;
type AccountRow = Omit<Account, "keys" | "password" | "mail"> & {
  password: string | null;
  mail: number | string;
};
type KeyRow = {
  key: string;
  label: string;
  added: number | string;
  used: number | string;
  revoked: number | string | null;
  mail: number | string;
  vouch: string | null;
};

type NewCode = {
  readonly hash: string;
  readonly account: string;
  readonly key: string | undefined;
  readonly password: string | undefined;
  readonly ttlMs: number;
};

const uniqueViolation = "23505";

export class PostgresAccounts {
  readonly #database: DatabasePort;

  constructor(database: DatabasePort) {
    this.#database = database;
  }

  async find(lookup: AccountLookup): Promise<Account | undefined> {
    return await find(this.#database.run, lookup);
  }

  /**
   * From now on the account's only code; past the limit, the codes that expire first are forgotten.
   * Undefined: the key or password is not, or no longer, the account's.
   */
  async putCode({ hash, account, key, password, ttlMs }: NewCode): Promise<true | undefined> {
    return await this.#database.transact(async (run) => {
      await lock(run, account);
      await run(
        `DELETE FROM parley.device_codes
         WHERE account = $1 OR expires <= clock_timestamp() OR hash IN (
           SELECT hash FROM parley.device_codes ORDER BY expires DESC OFFSET $2)`,
        [account, limits.codes - 1],
      );
      const kept = await run(
        `INSERT INTO parley.device_codes (hash, account, expires)
         SELECT $1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond'
         WHERE ($4::text IS NULL OR EXISTS (SELECT 1 FROM parley.account_keys
             WHERE account = $2 AND key = $4 AND revoked_ms IS NULL))
           AND ($5::text IS NULL OR EXISTS (SELECT 1 FROM parley.accounts
             WHERE id = $2 AND password = $5))
         ON CONFLICT (hash) DO UPDATE SET account = excluded.account, expires = excluded.expires
         RETURNING 1`,
        [hash, account, ttlMs, key ?? null, password ?? null],
      );
      return kept.length > 0 ? true : undefined;
    });
  }

  /** The account of a code; undefined: there is none. */
  async findCode(hash: string): Promise<string | undefined> {
    const [row] = await this.#database.run<{ account: string }>(
      "SELECT account FROM parley.device_codes WHERE hash = $1 AND expires > clock_timestamp()",
      [hash],
    );
    return row?.account;
  }

  /**
   * Carries out a change once, however often it is repeated; repetitions have its first outcome, or
   * `missing` once the account is deleted. `notify` tells other servers, if they have to know, in
   * the same transaction.
   */
  async change(
    change: AccountChange,
    id: ChangeId,
    notify: (run: Run, notice: AccountNotice) => Promise<void>,
  ): Promise<AccountOutcome> {
    const notice = { ...id, account: change.account, change: change.type };
    const work = async (run: Run): Promise<AccountOutcome> => {
      const outcome = await apply(run, change, notice);
      if (outcome.done && concernsOthers(change.type)) await notify(run, notice);
      return outcome;
    };
    try {
      return await this.#database.transact(work);
    } catch (error) {
      if (!(error instanceof Refused) || error.state !== uniqueViolation) throw error;
      // Another server was faster: now its row is visible.
      return await this.#database.transact(work);
    }
  }
}

async function find(run: Run, lookup: AccountLookup): Promise<Account | undefined> {
  const select = "SELECT a.id, a.name, a.folded, a.password, a.mail FROM parley.accounts a";
  const [where, value] =
    "id" in lookup
      ? ["WHERE a.id = $1", lookup.id]
      : "name" in lookup
        ? ["WHERE a.folded = $1", lookup.name]
        : "key" in lookup
          ? [
              "JOIN parley.account_keys k ON k.account = a.id WHERE k.key = $1 AND k.revoked_ms IS NULL",
              lookup.key,
            ]
          : ["JOIN parley.account_tokens t ON t.account = a.id WHERE t.token = $1", lookup.token];
  const [row] = await run<AccountRow>(`${select} ${where}`, [value]);
  if (row === undefined) return undefined;
  const keys = await run<KeyRow>(
    `SELECT key, label, added_ms AS added, used_ms AS used, revoked_ms AS revoked, mail, vouch
     FROM parley.account_keys WHERE account = $1 ORDER BY added_ms, key COLLATE "C"`,
    [row.id],
  );
  const { id, name, folded, password, mail } = row;
  return {
    id,
    name,
    folded,
    password: password ?? undefined,
    mail: Number(mail),
    keys: keys.map(keyOf),
  };
}

/** Changes of one account, and codes for it, come one after another. */
async function lock(run: Run, account: string): Promise<void> {
  await run("SELECT 1 FROM parley.accounts WHERE id = $1 FOR UPDATE", [account]);
}

async function apply(
  run: Run,
  change: AccountChange,
  notice: AccountNotice,
): Promise<AccountOutcome> {
  const { account: id } = change;
  await lock(run, id);
  const before = await find(run, { id });
  // Of uses, the last one counts, in whatever order they are stored.
  const isOnce = change.type !== "used";
  const known = isOnce ? await outcomeOf(run, notice) : undefined;
  const why = known === undefined ? await changed(run, change, before) : known.why;
  if (isOnce && known === undefined) await keepOutcome(run, notice, why);
  if (why !== undefined) return { done: false, why };
  const account = change.type === "delete" ? before : await find(run, { id });
  return account === undefined ? { done: false, why: "missing" } : { done: true, account };
}

/** Why the change was refused. */
async function changed(
  run: Run,
  change: AccountChange,
  before: Account | undefined,
): Promise<AccountProblem | undefined> {
  const ruling = judge(change, before, await takenBy(run, change));
  if (ruling === "carry-out") {
    if (!(await useCode(run, change))) return "missing";
    await carryOut(run, change, before);
  } else if (ruling !== "nothing") return ruling;
  return undefined;
}

/** False: the code for the change is not valid, or no longer. */
async function useCode(run: Run, change: AccountChange): Promise<boolean> {
  if (change.type !== "add-key" || change.code === undefined) return true;
  const used = await run(
    `DELETE FROM parley.device_codes
     WHERE hash = $1 AND account = $2 AND expires > clock_timestamp() RETURNING 1`,
    [change.code, change.account],
  );
  return used.length > 0;
}

async function takenBy(run: Run, change: AccountChange): Promise<Taken> {
  const key = addedKey(change);
  const isNew = change.type === "register";
  return {
    name: isNew && (await find(run, { name: change.folded })) !== undefined,
    key: key !== undefined && (await find(run, { key })) !== undefined,
    accounts: isNew ? await countAccounts(run) : 0,
  };
}

async function countAccounts(run: Run): Promise<number> {
  const [row] = await run<{ count: number | string }>(
    "SELECT count(*) AS count FROM parley.accounts",
  );
  return Number(row?.count ?? 0);
}

async function carryOut(
  run: Run,
  change: AccountChange,
  before: Account | undefined,
): Promise<void> {
  const { account: id } = change;
  switch (change.type) {
    case "register":
      return await register(run, change);
    case "add-key":
      return await addKey(run, change, otherKeys(before, change.key));
    case "add-token":
      return await addToken(run, change);
    case "revoke-key":
      await run(
        `UPDATE parley.account_keys SET revoked_ms = $3
         WHERE account = $1 AND key = $2 AND revoked_ms IS NULL`,
        [id, change.key, change.atMs],
      );
      return await dropCodes(run, id);
    case "used":
      return await touch(run, change);
    case "vouch":
      return await vouch(run, change);
    case "set-password":
      await run("UPDATE parley.accounts SET password = $2 WHERE id = $1", [
        id,
        change.password ?? null,
      ]);
      await run("DELETE FROM parley.account_tokens WHERE account = $1", [id]);
      return await dropCodes(run, id);
    case "remove-token":
      await run("DELETE FROM parley.account_tokens WHERE account = $1 AND token = $2", [
        id,
        change.token,
      ]);
      return;
    case "delete":
      await run("DELETE FROM parley.accounts WHERE id = $1", [id]);
      await giveBack(run, id, accountMailbox(id));
      await run("DELETE FROM parley.mail WHERE session = $1", [accountMailbox(id)]);
      await run("DELETE FROM parley.sessions WHERE id = $1", [accountMailbox(id)]);
  }
}

/**
 * The session's mailbox is its own again. Who reads it may have got messages of the account by the
 * same numbers, without being told of the registration: the next ones must have others.
 */
async function giveBack(run: Run, account: string, mailbox: string): Promise<void> {
  // In the order in which batches lock these rows.
  await run(
    `SELECT 1 FROM parley.sessions WHERE account = $1 OR id = $2
     ORDER BY id COLLATE "C" FOR UPDATE`,
    [account, mailbox],
  );
  await run(
    `UPDATE parley.sessions SET account = NULL, mail = greatest(mail,
       (SELECT mail FROM parley.sessions WHERE id = $2)) WHERE account = $1`,
    [account, mailbox],
  );
}

/** Whoever may no longer act for the account may have made one. */
async function dropCodes(run: Run, account: string): Promise<void> {
  await run("DELETE FROM parley.device_codes WHERE account = $1", [account]);
}

/** Notes that a key was used; without a key, that the owner was online. */
async function touch(run: Run, { account, key, atMs, mail }: Change<"used">): Promise<void> {
  if (key === undefined) {
    await run("UPDATE parley.accounts SET mail = greatest(mail, $2) WHERE id = $1", [
      account,
      mail,
    ]);
    return;
  }
  await run(
    `UPDATE parley.account_keys SET used_ms = greatest(used_ms, $3), mail = greatest(mail, $4)
     WHERE account = $1 AND key = $2 AND revoked_ms IS NULL RETURNING 1`,
    [account, key, atMs, mail],
  );
}

async function vouch(run: Run, { account, key, vouch }: Change<"vouch">): Promise<void> {
  await run(
    `UPDATE parley.account_keys SET vouch = $3
     WHERE account = $1 AND key = $2 AND revoked_ms IS NULL RETURNING 1`,
    [account, key, vouch],
  );
}

async function register(
  run: Run,
  { account: id, name, folded, key, password, mailbox, atMs }: Change<"register">,
): Promise<void> {
  await run(
    `INSERT INTO parley.accounts (id, name, folded, password, mail, registered_ms)
     VALUES ($1, $2, $3, $4, 0, $5)`,
    [id, name, folded, password ?? null, atMs],
  );
  if (key !== undefined) await insertKey(run, id, key, atMs);
  if (mailbox !== undefined) await takeOver(run, accountMailbox(id), id, mailbox, atMs);
}

/**
 * The account's mailbox continues the session's own. The latter's row is locked from here on: a
 * batch with a letter for it comes before this, and the letter moves, or after it, and goes to the
 * account.
 */
async function takeOver(
  run: Run,
  mailbox: string,
  account: string,
  { session, received }: OwnMailbox,
  atMs: number,
): Promise<void> {
  await run(
    `INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms, account)
     VALUES ($1, '', 0, 0, '', $3, $3, $2)
     ON CONFLICT (id) DO UPDATE SET account = excluded.account`,
    [session, account, atMs],
  );
  await run(
    `INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms)
     SELECT $2, '', 0, mail, '', seen_ms, clock_ms FROM parley.sessions WHERE id = $1`,
    [session, mailbox],
  );
  await run("UPDATE parley.mail SET session = $2 WHERE session = $1 AND mail > $3", [
    session,
    mailbox,
    received,
  ]);
}

/** `others`: how many other keys the account has, including revoked ones. */
async function addKey(
  run: Run,
  { account: id, key, label, atMs }: Change<"add-key">,
  others: number,
): Promise<void> {
  await run("DELETE FROM parley.account_keys WHERE account = $1 AND key = $2", [id, key]);
  if (others >= limits.maxKnownKeys) {
    // Past the limit, the key that was revoked first is forgotten.
    await run(
      `DELETE FROM parley.account_keys WHERE (account, key) IN (
         SELECT account, key FROM parley.account_keys
         WHERE account = $1 AND revoked_ms IS NOT NULL ORDER BY revoked_ms LIMIT 1)`,
      [id],
    );
  }
  await insertKey(run, id, { key, label }, atMs);
}

async function insertKey(
  run: Run,
  account: string,
  { key, label }: { key: string; label: string },
  atMs: number,
): Promise<void> {
  await run(
    `INSERT INTO parley.account_keys (account, key, label, added_ms, used_ms, mail)
     VALUES ($1, $2, $3, $4, $4, 0)`,
    [account, key, label, atMs],
  );
}

async function addToken(run: Run, { account, token, atMs }: Change<"add-token">): Promise<void> {
  // Newer than the others, whatever the clock says.
  await run(
    `INSERT INTO parley.account_tokens (token, account, added_ms)
     SELECT $2, $1, greatest($3, max(added_ms) + 1) FROM parley.account_tokens WHERE account = $1
     ON CONFLICT DO NOTHING`,
    [account, token, atMs],
  );
  await run(
    `DELETE FROM parley.account_tokens WHERE account = $1 AND token NOT IN (
       SELECT token FROM parley.account_tokens WHERE account = $1
       ORDER BY added_ms DESC, token LIMIT $2)`,
    [account, limits.maxTokens],
  );
}

function keyOf({ key, label, added, used, revoked, mail, vouch }: KeyRow): DeviceKey {
  return {
    key,
    label,
    addedMs: Number(added),
    usedMs: Number(used),
    revokedMs: revoked === null ? undefined : Number(revoked),
    mail: Number(mail),
    vouch: vouch ?? undefined,
  };
}
