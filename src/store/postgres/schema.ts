// The tables in PostgreSQL, in their own schema, as migrations from each version to the next.
// docs/cluster.md describes them.

import { deletedText } from "../../protocol/messages.ts";
import { isSession } from "../session-sql.ts";
import { claimFunction, commitFunction, reapFunction, tellFunction } from "./commit-function.ts";

const tables = `
  CREATE TABLE parley.meta (key text PRIMARY KEY, value text NOT NULL);

  -- Servers that use this database. One whose lease has run out is replaced by a new row.
  CREATE TABLE parley.servers (
    id text PRIMARY KEY,
    pin text NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    -- Others have taken its people for gone: it may write no more.
    is_over boolean NOT NULL DEFAULT false,
    -- Its last batch, and the numbers that it was given: committing it again returns them.
    batch bigint NOT NULL DEFAULT 0,
    reply text
  );

  CREATE TABLE parley.rooms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    said_ms bigint NOT NULL DEFAULT 0,
    -- Counts the changes of who is there.
    presence bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50);

  -- What a room said in one turn.
  CREATE TABLE parley.batches (
    room bigint NOT NULL,
    first_seq bigint NOT NULL,
    count integer NOT NULL,
    time_ms bigint NOT NULL,
    clock_ms bigint NOT NULL,
    runs text NOT NULL,
    PRIMARY KEY (room, first_seq)
  );

  CREATE TABLE parley.sessions (
    id text PRIMARY KEY,
    key bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    n bigint NOT NULL,
    mail bigint NOT NULL,
    network text NOT NULL,
    seen_ms bigint NOT NULL,
    clock_ms bigint NOT NULL,
    -- Where it is connected; null: nowhere.
    server text
  ) WITH (fillfactor = 70);
  CREATE INDEX sessions_by_name ON parley.sessions (name) WHERE name <> '';
  CREATE INDEX sessions_by_age ON parley.sessions (clock_ms);
  CREATE INDEX sessions_by_server ON parley.sessions (server) WHERE server IS NOT NULL;

  CREATE TABLE parley.mail (
    session text NOT NULL,
    mail bigint NOT NULL,
    time_ms bigint NOT NULL,
    clock_ms bigint NOT NULL,
    network text NOT NULL,
    sender text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (session, mail)
  );
  CREATE INDEX mail_by_age ON parley.mail (clock_ms);

  CREATE TABLE parley.rights (key text PRIMARY KEY, value text NOT NULL);

  CREATE TABLE parley.accounts (
    id text PRIMARY KEY,
    name text NOT NULL,
    folded text NOT NULL UNIQUE,
    password text,
    mail bigint NOT NULL,
    registered_ms bigint NOT NULL
  );
  CREATE TABLE parley.account_keys (
    account text NOT NULL REFERENCES parley.accounts ON DELETE CASCADE,
    key text NOT NULL,
    label text NOT NULL,
    added_ms bigint NOT NULL,
    used_ms bigint NOT NULL,
    revoked_ms bigint,
    mail bigint NOT NULL,
    PRIMARY KEY (account, key)
  );
  CREATE UNIQUE INDEX account_keys_in_use ON parley.account_keys (key) WHERE revoked_ms IS NULL;
  CREATE TABLE parley.account_tokens (
    token text PRIMARY KEY,
    account text NOT NULL REFERENCES parley.accounts ON DELETE CASCADE,
    added_ms bigint NOT NULL
  );
  CREATE INDEX account_tokens_of ON parley.account_tokens (account);

  -- Names in use by people who are connected, and who is in which room.
  CREATE TABLE parley.names (
    folded text PRIMARY KEY,
    holder text NOT NULL,
    server text NOT NULL
  );
  CREATE INDEX names_by_server ON parley.names (server);
  CREATE TABLE parley.members (
    room text NOT NULL,
    folded text NOT NULL,
    server text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (room, folded, server)
  );
  CREATE INDEX members_by_server ON parley.members (server);

  -- What one server has for another, until that has taken it.
  CREATE TABLE parley.signals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server text NOT NULL,
    signal text NOT NULL
  );
  CREATE INDEX signals_by_server ON parley.signals (server, id);

  CREATE VIEW parley.chat AS
    SELECT r.name AS room, b.first_seq + (run.value ->> 'at')::bigint + said.ordinality - 1 AS seq,
      to_timestamp(coalesce((run.value ->> 'time')::bigint, b.time_ms) / 1000.0) AS time,
      run.value ->> 'from' AS sender, said.value AS text
    FROM parley.batches b JOIN parley.rooms r ON r.id = b.room,
      json_array_elements(b.runs::json) AS run,
      json_array_elements_text(run.value -> 'texts') WITH ORDINALITY AS said;
`;

/** Version 2: devices vouch for each other. */
const version2 = "ALTER TABLE parley.account_keys ADD COLUMN vouch text;";

/** Version 3: where users are, and the data that others may be shown about them. */
const version3 = `
  CREATE TABLE parley.people (
    folded text NOT NULL,
    server text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    person text NOT NULL,
    about text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (folded, server)
  ) WITH (fillfactor = 70);
  CREATE INDEX people_by_server ON parley.people (server);
  ALTER TABLE parley.members ADD COLUMN about text;
  ALTER TABLE parley.members ADD COLUMN rank text;
`;

/** Version 4: peers and their addresses. */
const version4 = `
  CREATE SEQUENCE parley.places;
  CREATE TABLE parley.registrations (
    folded text PRIMARY KEY,
    id text NOT NULL,
    ip text NOT NULL,
    port integer NOT NULL,
    -- Where it was made from, and the widest network around that.
    network text NOT NULL,
    wide text NOT NULL,
    -- In the order of registrations.
    place bigint NOT NULL DEFAULT nextval('parley.places'),
    registered timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it last registered or asked for a peer.
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Since when it waits for a peer, and its place among those who do.
    waiting timestamptz,
    waits bigint,
    handed_out boolean NOT NULL DEFAULT false
  );
`;

/**
 * Version 5: a user may have a name at several servers, each of which releases it separately. Each
 * connection of a session has a number; only the last one may write the record.
 */
const version5 = `
  CREATE SEQUENCE parley.claims;
  ALTER TABLE parley.sessions ADD COLUMN claim bigint NOT NULL DEFAULT 0;
  ALTER TABLE parley.names DROP CONSTRAINT names_pkey, ADD PRIMARY KEY (folded, server);
`;

/** Version 6: an index for the rooms of a user. */
const version6 = "CREATE INDEX members_by_person ON parley.members (folded, server);";

/** Version 7: the address where clients reach a server. */
const version7 = "ALTER TABLE parley.servers ADD COLUMN address text NOT NULL DEFAULT '';";

/** Version 8: codes with which devices join an account. */
const version8 = `
  CREATE TABLE parley.device_codes (
    hash text PRIMARY KEY,
    account text NOT NULL REFERENCES parley.accounts ON DELETE CASCADE,
    expires timestamptz NOT NULL
  );
  CREATE INDEX device_codes_of ON parley.device_codes (account);
`;

/** Version 9: the keys of peers. */
const version9 = "ALTER TABLE parley.registrations ADD COLUMN key text;";

/** Version 10: the outcomes of claims, which may be repeated. */
const version10 = `
  CREATE TABLE parley.claimed (
    server text NOT NULL,
    request bigint NOT NULL,
    n bigint,
    claim bigint,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (server, request)
  );
  CREATE INDEX claimed_by_age ON parley.claimed (at);
`;

/**
 * Version 11: whom each private message was exchanged with, so that both sides can read it later.
 * Copies of sent messages have numbers below 0.
 */
const version11 = `
  ALTER TABLE parley.mail ADD COLUMN id bigint NOT NULL DEFAULT 0,
    ADD COLUMN person text NOT NULL DEFAULT '', ADD COLUMN person_name text NOT NULL DEFAULT '';
  UPDATE parley.mail SET person_name = sender;
`;

/** Version 12: notifications in several parts; only the functions are new. */
const version12 = "";

/** Version 13: a room has one opener; only the functions are new. */
const version13 = "";

/** Version 14: a record does not take a name from others; only the functions are new. */
const version14 = "";

/** Version 15: nor has it one whose claim has ended; only the functions are new. */
const version15 = "";

/** Version 16: the outcomes of account changes, which may be repeated. */
const version16 = `
  CREATE TABLE parley.account_changes (
    -- The process that made the change, and the number of its request.
    process text NOT NULL,
    request bigint NOT NULL,
    account text NOT NULL,
    change text NOT NULL,
    -- Why it had no effect; null: it had.
    why text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (process, request)
  );
  CREATE INDEX account_changes_by_age ON parley.account_changes (at);
`;

/**
 * Version 17: which of a session's last messages were refused; a claim returns that too. A server
 * that was stopped holds no place, although its people have a moment to return by another one.
 */
const version17 = `
  ALTER TABLE parley.servers ADD COLUMN has_left boolean NOT NULL DEFAULT false;
  ALTER TABLE parley.sessions ADD COLUMN refused text;
  DROP FUNCTION IF EXISTS parley.claim(text, bigint, text, text, text, boolean, bigint);
`;

/**
 * Version 18: which texts were erased last in each room, and how many so far: servers and clients
 * that were not told at once must still stop showing them.
 */
const version18 = `
  ALTER TABLE parley.rooms ADD COLUMN erased bigint NOT NULL DEFAULT 0;
  CREATE TABLE parley.erasures (
    room bigint NOT NULL,
    n bigint NOT NULL,
    seq bigint NOT NULL,
    -- The room's highest number at that time.
    last_seq bigint NOT NULL,
    PRIMARY KEY (room, n)
  );
`;

/**
 * Version 19: indexes of sessions without the mailboxes of accounts, which are kept whatever their
 * age, and of those that had a name last.
 */
const version19 = `
  DROP INDEX parley.sessions_by_age;
  CREATE INDEX sessions_by_age ON parley.sessions (clock_ms) WHERE ${isSession};
  DROP INDEX parley.sessions_by_name;
  CREATE INDEX sessions_by_name ON parley.sessions (name, clock_ms) WHERE name <> '';
`;

/** Version 20: the account that has taken over a session's mailbox; letters follow it. */
const version20 = "ALTER TABLE parley.sessions ADD COLUMN account text;";

/** Version 21: the view shows which texts were deleted (`deletedMark` in packed-runs.ts). */
const version21 = `
  CREATE OR REPLACE VIEW parley.chat AS
    SELECT r.name AS room, b.first_seq + (run.value ->> 'at')::bigint + said.ordinality - 1 AS seq,
      to_timestamp(coalesce((run.value ->> 'time')::bigint, b.time_ms) / 1000.0) AS time,
      run.value ->> 'from' AS sender,
      CASE said.value WHEN chr(127) THEN '${deletedText}' ELSE said.value END AS text,
      said.value = chr(127) AS deleted
    FROM parley.batches b JOIN parley.rooms r ON r.id = b.room,
      json_array_elements(b.runs::json) AS run,
      json_array_elements_text(run.value -> 'texts') WITH ORDINALITY AS said;
`;

/**
 * Version 22: an account gets the name that its session has, and a place is at the last server that
 * has claimed it; only the functions are new.
 */
const version22 = "";

/** Version 23: transactions lock all rooms before all sessions; only the functions are new. */
const version23 = "";

/** Version 24: when each place was asked for (by `away_ms`): it is where that was last. */
const version24 = `
  ALTER TABLE parley.names ADD COLUMN since_ms bigint NOT NULL DEFAULT 0;
  DROP FUNCTION IF EXISTS parley.claim(text, bigint, text, text, text, boolean, bigint);
`;

/** Step `i` turns version `i` into `i + 1`. Never change a released step; add one. */
export const migrations: readonly string[] = [
  tables,
  version2,
  version3,
  version4,
  version5,
  version6,
  version7,
  version8,
  version9,
  version10,
  version11,
  version12,
  version13,
  version14,
  version15,
  version16,
  version17,
  version18,
  version19,
  version20,
  version21,
  version22,
  version23,
  version24,
];

/** Recreated after every migration: they require the newest tables. */
export const functions = `${tellFunction}${commitFunction}${claimFunction}${reapFunction}`;

/** The version that this program writes. */
export const schemaVersion = migrations.length;
