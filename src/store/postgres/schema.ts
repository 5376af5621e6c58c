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
    -- It was stopped, and holds no place; its people have a moment to return by another one.
    has_left boolean NOT NULL DEFAULT false,
    -- Where clients reach it.
    address text NOT NULL,
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
    presence bigint NOT NULL DEFAULT 0,
    -- Counts the texts that were deleted.
    erased bigint NOT NULL DEFAULT 0
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

  -- Which texts were deleted last in each room: servers and clients that were not told at once must
  -- still stop showing them.
  CREATE TABLE parley.erasures (
    room bigint NOT NULL,
    n bigint NOT NULL,
    seq bigint NOT NULL,
    -- The room's highest number at that time.
    last_seq bigint NOT NULL,
    PRIMARY KEY (room, n)
  );

  CREATE TABLE parley.sessions (
    id text PRIMARY KEY,
    key bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    n bigint NOT NULL,
    -- Which of its last messages were refused.
    refused text,
    mail bigint NOT NULL,
    network text NOT NULL,
    seen_ms bigint NOT NULL,
    clock_ms bigint NOT NULL,
    -- Where it is connected; null: nowhere.
    server text,
    -- The number of its last connection; only that one may write the record.
    claim bigint NOT NULL DEFAULT 0,
    -- The account that has taken over its mailbox; letters follow it.
    account text
  ) WITH (fillfactor = 70);
  CREATE SEQUENCE parley.claims;
  CREATE INDEX sessions_by_name ON parley.sessions (name, clock_ms) WHERE name <> '';
  -- Mailboxes of accounts are kept, whatever their age.
  CREATE INDEX sessions_by_age ON parley.sessions (clock_ms) WHERE ${isSession};
  CREATE INDEX sessions_by_server ON parley.sessions (server) WHERE server IS NOT NULL;

  CREATE TABLE parley.mail (
    session text NOT NULL,
    -- Below 0: a copy of a message that the session sent.
    mail bigint NOT NULL,
    time_ms bigint NOT NULL,
    clock_ms bigint NOT NULL,
    network text NOT NULL,
    sender text NOT NULL,
    message text NOT NULL,
    id bigint NOT NULL,
    -- Whom it was exchanged with, so that both sides can read it later.
    person text NOT NULL,
    person_name text NOT NULL,
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
    vouch text,
    PRIMARY KEY (account, key)
  );
  CREATE UNIQUE INDEX account_keys_in_use ON parley.account_keys (key) WHERE revoked_ms IS NULL;
  CREATE TABLE parley.account_tokens (
    token text PRIMARY KEY,
    account text NOT NULL REFERENCES parley.accounts ON DELETE CASCADE,
    added_ms bigint NOT NULL
  );
  CREATE INDEX account_tokens_of ON parley.account_tokens (account);
  -- Codes with which devices join an account.
  CREATE TABLE parley.device_codes (
    hash text PRIMARY KEY,
    account text NOT NULL REFERENCES parley.accounts ON DELETE CASCADE,
    expires timestamptz NOT NULL
  );
  CREATE INDEX device_codes_of ON parley.device_codes (account);
  -- The outcomes of account changes, which may be repeated.
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

  -- Names in use by people who are connected, and who is in which room. A user may have a name at
  -- several servers, each of which releases it separately.
  CREATE TABLE parley.names (
    folded text NOT NULL,
    holder text NOT NULL,
    server text NOT NULL,
    PRIMARY KEY (folded, server)
  );
  CREATE INDEX names_by_server ON parley.names (server);
  CREATE TABLE parley.members (
    room text NOT NULL,
    folded text NOT NULL,
    server text NOT NULL,
    name text NOT NULL,
    about text,
    rank text,
    PRIMARY KEY (room, folded, server)
  );
  CREATE INDEX members_by_server ON parley.members (server);
  CREATE INDEX members_by_person ON parley.members (folded, server);
  -- The outcomes of claims, which may be repeated.
  CREATE TABLE parley.claimed (
    server text NOT NULL,
    request bigint NOT NULL,
    n bigint,
    claim bigint,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (server, request)
  );
  CREATE INDEX claimed_by_age ON parley.claimed (at);

  -- Where users are, and what others may be shown about them.
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

  -- What one server has for another, until that has taken it.
  CREATE TABLE parley.signals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server text NOT NULL,
    signal text NOT NULL
  );
  CREATE INDEX signals_by_server ON parley.signals (server, id);

  -- Peers and their addresses.
  CREATE SEQUENCE parley.places;
  CREATE TABLE parley.registrations (
    folded text PRIMARY KEY,
    id text NOT NULL,
    ip text NOT NULL,
    port integer NOT NULL,
    -- Where it was made from, and the widest network around that.
    network text NOT NULL,
    wide text NOT NULL,
    key text,
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

  -- For people; shows which texts were deleted (deletedMark in packed-runs.ts).
  CREATE VIEW parley.chat AS
    SELECT r.name AS room, b.first_seq + (run.value ->> 'at')::bigint + said.ordinality - 1 AS seq,
      to_timestamp(coalesce((run.value ->> 'time')::bigint, b.time_ms) / 1000.0) AS time,
      run.value ->> 'from' AS sender,
      CASE said.value WHEN chr(127) THEN '${deletedText}' ELSE said.value END AS text,
      said.value = chr(127) AS deleted
    FROM parley.batches b JOIN parley.rooms r ON r.id = b.room,
      json_array_elements(b.runs::json) AS run,
      json_array_elements_text(run.value -> 'texts') WITH ORDINALITY AS said;
`;

/** Step `i` turns version `i` into `i + 1`. Never change a released step; add one. */
export const migrations: readonly string[] = [tables];

/** Recreated after every migration: they require the newest tables. */
export const functions = `${tellFunction}${commitFunction}${claimFunction}${reapFunction}`;

/** The version that this program writes. */
export const schemaVersion = migrations.length;
