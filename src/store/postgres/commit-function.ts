// The function that commits a batch: one call, one transaction. It checks the server's lease,
// numbers messages and mail, and notifies the other servers.

import { accountMark } from "../../chat/accounts/account-store.ts";
import { beforeCopies } from "../mailbox-shares.ts";
import { postgres as limits } from "../../limits.ts";

/** SQLSTATE for a server whose lease has expired: it may not write any more. */
export const fencedState = "PY001";
/** SQLSTATE for a batch with a user who is, or was meanwhile, connected to another server. */
export const movedState = "PY002";

/** The channel on which servers notify each other of their batches. */
export const channel = "parley";

/** Longest payload of a notification; PostgreSQL allows 7 999 bytes. */
const payloadBytes = 7_900;
/** Longest text of a part, besides the line that says which part it is. */
const partBytes = 7_800;

/**
 * Notifies the other servers, in several parts if necessary (notices.ts); those who miss one, and
 * all if there were too many, read what they lack. `me`: the server that the note is from.
 */
export const tellFunction = `
  CREATE OR REPLACE FUNCTION parley.tell(me text, note text) RETURNS void LANGUAGE plpgsql
  AS $function$
  DECLARE
    -- A character has at most 4 bytes.
    size integer := CASE WHEN octet_length(note) = length(note) THEN ${partBytes}
      ELSE ${partBytes / 4} END;
    parts integer := (length(note) + size - 1) / size;
  BEGIN
    IF octet_length(note) <= ${payloadBytes} THEN
      PERFORM pg_notify('${channel}', note);
    ELSIF parts > ${limits.noticeParts} THEN
      PERFORM pg_notify('${channel}', json_build_object('from', me, 'isLarge', true)::text);
    ELSE
      FOR part IN 1..parts LOOP
        PERFORM pg_notify('${channel}', format(E'%s %s %s %s\\n%s', me, pg_current_xact_id(), part,
          parts, substr(note, (part - 1) * size + 1, size)));
      END LOOP;
    END IF;
  END $function$;
`;

/**
 * `said`: `[{room, count, timeMs, rows: [{count, timeMs, runs}]}]`. `there`: who joined, left and
 * was renamed, `[{room, changes: [{folded, name?, rank?, opens?, event?}]}]` in their order;
 * without `name`, left; who `opens` a room that others are in is not its operator.
 * `people`: `[{id, name, n, refused?, before, claim, minMail, network, seenMs, isHere}]`.
 * `letters`: `[{session, network, timeMs, sender, id, person, personName, isCopy?, message}]`,
 * where a session with `#` is a connection without a mailbox: `SERVER#NUMBER`; if an account has
 * taken over a session's mailbox, its letters go to the account's. `gone`: names that
 * are released, `[{name, holder}]`. `directory`: who has a name here,
 * `[{folded, name?, key, person, about}]`; without `name`, nobody any more. `signals`: for other
 * servers, `[{server, signal}]`.
 */
export const commitFunction = `
  CREATE OR REPLACE FUNCTION parley.commit(
    me text, number bigint, lease_ms integer, now_ms bigint, clock_step_ms bigint,
    said json, there json, people json, letters json, gone json, directory json, signals json
  ) RETURNS text LANGUAGE plpgsql AS $function$
  DECLARE
    lease parley.servers%ROWTYPE;
    item record;
    line record;
    place parley.rooms%ROWTYPE;
    known parley.sessions%ROWTYPE;
    next_seq bigint;
    counter bigint;
    firsts bigint[] := '{}';
    counters bigint[] := '{}';
    pieces text[] := '{}';
    readers text[] := '{}';
    versions bigint[] := '{}';
    comers text[] := '{}';
    late json[] := '{}';
    was_operator boolean;
    is_new boolean;
    shown text;
    has_signals boolean := false;
    note text;
    result text;
    others boolean;
    owner text;
    addressee text;
  BEGIN
    SELECT * INTO lease FROM parley.servers WHERE id = me FOR UPDATE;
    IF FOUND AND lease.batch = number THEN RETURN lease.reply; END IF;
    IF NOT FOUND OR lease.is_over THEN
      RAISE EXCEPTION 'The lease of server % has run out', me USING ERRCODE = '${fencedState}';
    END IF;
    IF lease.batch > number THEN
      RAISE EXCEPTION 'Batch % comes after batch %', number, lease.batch;
    END IF;
    others := EXISTS (
      SELECT 1 FROM parley.servers WHERE id <> me AND NOT is_over);

    -- Rows are locked in one order by all servers, so that none waits for another in a circle:
    -- all rooms, then sessions.
    FOR item IN
      SELECT coalesce(saying.value ->> 'room', moving.value ->> 'room') AS room,
        saying.ordinality AS said_place, moving.ordinality AS there_place,
        coalesce((saying.value ->> 'count')::bigint, 0) AS count,
        (saying.value ->> 'timeMs')::bigint AS time_ms, saying.value -> 'rows' AS rows,
        CASE WHEN moving.value IS NULL THEN 0 ELSE 1 END AS changes
      FROM json_array_elements(said) WITH ORDINALITY AS saying
      FULL JOIN json_array_elements(there) WITH ORDINALITY AS moving
        ON saying.value ->> 'room' = moving.value ->> 'room'
      ORDER BY coalesce(saying.value ->> 'room', moving.value ->> 'room') COLLATE "C"
    LOOP
      UPDATE parley.rooms SET last_seq = last_seq + item.count,
        said_ms = coalesce(item.time_ms, said_ms), presence = presence + item.changes
        WHERE name = item.room RETURNING * INTO place;
      IF NOT FOUND THEN
        INSERT INTO parley.rooms (name, first_seq, last_seq, said_ms, presence)
          SELECT item.room, floor + 1, floor + item.count, coalesce(item.time_ms, 0), item.changes
          FROM (SELECT coalesce(max(value::bigint), 0) AS floor
            FROM parley.meta WHERE key = 'floor') AS kept
          ON CONFLICT (name) DO UPDATE SET last_seq = rooms.last_seq + item.count,
            said_ms = coalesce(item.time_ms, rooms.said_ms),
            presence = rooms.presence + item.changes
          RETURNING * INTO place;
      END IF;
      IF item.there_place IS NOT NULL THEN versions[item.there_place] := place.presence; END IF;
      CONTINUE WHEN item.said_place IS NULL;
      next_seq := place.last_seq - item.count + 1;
      firsts[item.said_place] := next_seq;
      FOR line IN
        SELECT (value ->> 'count')::integer AS count, (value ->> 'timeMs')::bigint AS time_ms,
          (value -> 'runs')::text AS runs
        FROM json_array_elements(item.rows)
      LOOP
        INSERT INTO parley.batches (room, first_seq, count, time_ms, clock_ms, runs)
          VALUES (place.id, next_seq, line.count, line.time_ms, now_ms, line.runs);
        IF others THEN
          pieces := pieces || json_build_object('room', item.room, 'seq', next_seq,
            'count', line.count, 'timeMs', line.time_ms, 'runs', line.runs::json)::text;
        END IF;
        next_seq := next_seq + line.count;
      END LOOP;
    END LOOP;

    PERFORM 1 FROM parley.sessions WHERE id IN (
      SELECT value ->> 'id' FROM json_array_elements(people)
      UNION ALL SELECT value ->> 'session' FROM json_array_elements(letters)
      UNION ALL SELECT '${accountMark}' || account FROM parley.sessions
        WHERE account IS NOT NULL AND id IN (
          SELECT value ->> 'session' FROM json_array_elements(letters))
    ) ORDER BY id COLLATE "C" FOR UPDATE;
    FOR item IN
      SELECT * FROM json_to_recordset(people) AS p(id text, name text, n bigint, refused text,
        before bigint, claim bigint, "minMail" bigint, network text, "seenMs" bigint, "isHere" boolean)
      ORDER BY id COLLATE "C"
    LOOP
      SELECT * INTO known FROM parley.sessions WHERE id = item.id;
      IF FOUND AND known.claim <> item.claim THEN
        -- A later connection sends again what was not acknowledged: it must not be there twice.
        IF item.n > item.before THEN
          RAISE EXCEPTION 'Session % is connected elsewhere', item.id
            USING ERRCODE = '${movedState}';
        END IF;
        CONTINUE;
      END IF;
      -- While this server was taken for dead, its claims ended, and others may have got the name.
      IF item.name <> '' AND item.name IS DISTINCT FROM known.name AND (
          EXISTS (SELECT 1 FROM parley.names WHERE folded = item.name AND server <> me
            AND holder <> item.id AND left(holder, 1) <> '${accountMark}')
          OR item.claim IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM parley.names WHERE folded = item.name AND server = me)) THEN
        item.name := '';
      END IF;
      IF known.id IS NULL THEN
        CONTINUE WHEN item.name = '' AND item.n = 0 AND item."minMail" = 0;
        INSERT INTO parley.sessions
            (id, name, n, refused, mail, network, seen_ms, clock_ms, server, claim)
          VALUES (item.id, item.name, item.n, item.refused, item."minMail", item.network,
            item."seenMs", now_ms, CASE WHEN item."isHere" THEN me END, coalesce(item.claim, 0));
      ELSIF item.name = '' AND item.n = 0 AND known.mail = 0 AND item."minMail" = 0
          AND known.account IS NULL THEN
        DELETE FROM parley.sessions WHERE id = item.id;
        DELETE FROM parley.mail WHERE session = item.id;
      ELSE
        UPDATE parley.sessions SET name = item.name, n = item.n, refused = item.refused,
          mail = greatest(known.mail, item."minMail"), network = item.network,
          seen_ms = item."seenMs",
          clock_ms = CASE WHEN now_ms >= known.clock_ms + clock_step_ms OR item.name <> known.name
            THEN now_ms ELSE known.clock_ms END,
          server = CASE WHEN item."isHere" THEN me END
          WHERE id = item.id;
      END IF;
    END LOOP;

    FOR item IN
      SELECT * FROM json_to_recordset(letters) AS l(session text, network text, "timeMs" bigint,
        sender text, id bigint, person text, "personName" text, "isCopy" boolean, message json)
    LOOP
      IF position('#' IN item.session) > 0 THEN
        INSERT INTO parley.signals (server, signal)
          VALUES (split_part(item.session, '#', 1), json_build_object('type', 'letter',
            'to', '#' || split_part(item.session, '#', 2), 'timeMs', item."timeMs",
            'sender', item.sender, 'message', item.message)::text);
        has_signals := true;
        counters := counters || 0::bigint;
        CONTINUE;
      END IF;
      -- Its name may have been registered since it was looked up.
      LOOP
        SELECT a.id INTO owner FROM parley.sessions s
          LEFT JOIN parley.accounts a ON a.id = s.account WHERE s.id = item.session;
        EXIT WHEN FOUND;
        -- Waits for a registration that adds the same row.
        INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms)
          VALUES (item.session, '', 0, 0, '', item."timeMs", now_ms) ON CONFLICT DO NOTHING;
      END LOOP;
      addressee := item.session;
      IF owner IS NOT NULL THEN item.session := '${accountMark}' || owner; END IF;
      IF item."isCopy" THEN
        INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms)
          VALUES (item.session, '', 0, 0, '', item."timeMs", now_ms) ON CONFLICT DO NOTHING;
        -- Another server may be adding copies to the same mailbox.
        PERFORM 1 FROM parley.sessions WHERE id = item.session FOR UPDATE;
        SELECT coalesce(max(mail), ${beforeCopies}) + 1 INTO counter FROM parley.mail
          WHERE session = item.session AND mail < 0;
      ELSE
        INSERT INTO parley.sessions (id, name, n, mail, network, seen_ms, clock_ms)
          VALUES (item.session, '', 0, 1, '', item."timeMs", now_ms)
          ON CONFLICT (id) DO UPDATE SET mail = sessions.mail + 1 RETURNING mail INTO counter;
      END IF;
      INSERT INTO parley.mail (session, mail, time_ms, clock_ms, network, sender, message,
          id, person, person_name)
        VALUES (item.session, counter, item."timeMs", now_ms, item.network, item.sender,
          -- Servers of earlier versions may still run, and do not say whom it was exchanged with.
          item.message::text, coalesce(item.id, 0), coalesce(item.person, ''),
          coalesce(item."personName", item.sender));
      counters := counters || counter;
      CONTINUE WHEN item."isCopy";
      readers := readers || json_build_array(item.session, counter)::text;
      -- The server where they register reads the session's own mailbox until it knows.
      IF owner IS NOT NULL THEN
        readers := readers || json_build_array(addressee, counter)::text;
      END IF;
    END LOOP;

    DELETE FROM parley.names USING json_to_recordset(gone) AS g(name text, holder text)
      WHERE names.folded = g.name AND names.holder = g.holder AND names.server = me;

    FOR item IN
      SELECT * FROM json_to_recordset(directory)
        AS d(folded text, name text, key text, person text, about json)
    LOOP
      IF item.name IS NULL THEN
        DELETE FROM parley.people WHERE folded = item.folded AND server = me
          RETURNING name, about INTO shown, note;
        CONTINUE WHEN NOT FOUND;
        comers := comers || json_build_object('folded', item.folded, 'name', shown,
          'persona', note::json -> 'persona', 'isHere', false)::text;
      ELSE
        INSERT INTO parley.people (folded, server, name, key, person, about)
          VALUES (item.folded, me, item.name, item.key, item.person, item.about::text)
          ON CONFLICT (folded, server) DO UPDATE SET name = excluded.name, key = excluded.key,
            person = excluded.person, about = excluded.about
          RETURNING xmax = 0 INTO is_new;
        CONTINUE WHEN NOT is_new;
        comers := comers || json_build_object('folded', item.folded, 'name', item.name,
          'persona', item.about -> 'persona', 'isHere', true)::text;
      END IF;
    END LOOP;

    INSERT INTO parley.signals (server, signal)
      SELECT value ->> 'server',
        json_build_object('type', 'hub', 'from', me, 'signal', value -> 'signal')::text
      FROM json_array_elements(signals) WITH ORDINALITY ORDER BY ordinality;
    has_signals := has_signals OR FOUND;

    FOR item IN
      SELECT value ->> 'room' AS room, value -> 'changes' AS changes, ordinality AS place
      FROM json_array_elements(there) WITH ORDINALITY ORDER BY value ->> 'room' COLLATE "C"
    LOOP
      FOR line IN
        SELECT * FROM json_to_recordset(item.changes)
          AS c(folded text, name text, about json, rank json, opens boolean)
      LOOP
        DELETE FROM parley.members
          WHERE room = item.room AND folded = line.folded AND server = me
          RETURNING rank::json ->> 'isOperator' INTO was_operator;
        -- The row of the room is locked: of two who open it at the same time, the second sees the
        -- first.
        IF line.opens AND was_operator IS NOT TRUE AND EXISTS (SELECT 1 FROM parley.members
            WHERE room = item.room AND folded <> line.folded) THEN
          late := array_append(late,
            json_build_object('room', item.room, 'folded', line.folded));
          line.rank := json_build_object('isOperator', false, 'isVoiced',
            line.rank -> 'isVoiced');
          SELECT json_agg(CASE WHEN value ->> 'folded' = line.folded AND value -> 'opens' IS NOT NULL
              THEN (value::jsonb || jsonb_build_object('rank', line.rank))::json ELSE value END
              ORDER BY ordinality) INTO item.changes
            FROM json_array_elements(item.changes) WITH ORDINALITY;
        END IF;
        IF line.name IS NOT NULL THEN
          INSERT INTO parley.members (room, folded, server, name, about, rank)
            VALUES (item.room, line.folded, me, line.name, line.about::text, line.rank::text);
        END IF;
      END LOOP;
      IF others THEN
        pieces := pieces || json_build_object('room', item.room, 'version', versions[item.place],
          'changes', item.changes)::text;
      END IF;
    END LOOP;

    result := json_build_object('rooms', firsts, 'mail', counters, 'presence', versions,
      'late', late)::text;
    UPDATE parley.servers SET batch = number, reply = result,
      expires = clock_timestamp() + lease_ms * interval '1 millisecond' WHERE id = me;
    IF others AND (cardinality(pieces) > 0 OR cardinality(readers) > 0 OR has_signals
        OR cardinality(comers) > 0) THEN
      note := json_build_object('from', me, 'mail', readers::json[], 'hasSignals', has_signals,
        'people', comers::json[], 'pieces', pieces::json[])::text;
      PERFORM parley.tell(me, note);
    END IF;
    RETURN result;
  END $function$;
`;

/**
 * Claims a name for a user at this server. A user may have it at several servers: when moving, the
 * user has it at the next one before the last one releases it. A place is only where it was asked
 * for last, at `since_ms`, in whatever order the claims are carried out.
 * With a record of a session (otherwise empty), only batches with the new `claim` may write it from
 * now on. `n` null: somebody else has the name at another server; otherwise the record's counter, 0
 * if there is none. `refused`: which of its messages were.
 *
 * `request` numbers the server's claims. A claim whose answer was lost may be repeated, and may be
 * carried out late, after the name was released or claimed by others: only its first execution has
 * an effect, and all have its result. A claim that is repeated as withdrawn has no effect from then
 * on.
 */
export const claimFunction = `
  CREATE OR REPLACE FUNCTION parley.claim(
    me text, request bigint, claimed text, claimant text, record text, is_withdrawn boolean,
    -- Servers of earlier versions may still run, and do not say when.
    now_ms bigint, since_ms bigint DEFAULT 0, OUT n bigint, OUT claim bigint, OUT refused text
  ) LANGUAGE plpgsql AS $function$
  DECLARE
    known parley.sessions%ROWTYPE;
  BEGIN
    PERFORM 1 FROM parley.servers WHERE id = me AND NOT is_over FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'The lease of server % has run out', me USING ERRCODE = '${fencedState}';
    END IF;
    -- Of two who claim a name at the same time, the second sees the first.
    PERFORM pg_advisory_xact_lock(hashtextextended(claimed, 8097874531021168756));
    SELECT done.n, done.claim INTO n, claim FROM parley.claimed AS done
      WHERE done.server = me AND done.request = claim.request;
    IF FOUND THEN
      SELECT s.refused INTO refused FROM parley.sessions AS s WHERE s.id = record;
      RETURN;
    END IF;
    -- An account may find its name with the session that has registered it, at another server that
    -- has yet to release it.
    IF NOT is_withdrawn AND NOT EXISTS (SELECT 1 FROM parley.names AS other
        WHERE other.folded = claimed AND other.server <> me
          AND (other.since_ms > claim.since_ms OR other.holder <> claimant
            AND NOT EXISTS (SELECT 1 FROM parley.sessions AS s
              JOIN parley.accounts AS a ON a.id = s.account
              WHERE s.id = other.holder AND '${accountMark}' || a.id = claimant))) THEN
      INSERT INTO parley.names AS own (folded, holder, server, since_ms)
        VALUES (claimed, claimant, me, claim.since_ms)
        ON CONFLICT (folded, server) DO UPDATE SET holder = excluded.holder,
          since_ms = greatest(own.since_ms, excluded.since_ms);
      -- People have a name at all their servers; a place is at the last one (place-claims.ts).
      IF position('/' IN claimed) > 0 THEN
        DELETE FROM parley.names AS other WHERE other.folded = claimed AND other.server <> me;
      END IF;
      n := 0;
      IF record <> '' THEN
        claim := nextval('parley.claims');
        SELECT * INTO known FROM parley.sessions WHERE id = record FOR UPDATE;
        IF known.server <> me THEN
          INSERT INTO parley.signals (server, signal)
            VALUES (known.server, json_build_object('type', 'moved', 'session', record,
              'claim', claim.claim)::text);
          PERFORM pg_notify('${channel}', json_build_object('from', me, 'hasSignals', true)::text);
        END IF;
        n := coalesce(known.n, 0);
        refused := known.refused;
        INSERT INTO parley.sessions AS s
            (id, name, n, mail, network, seen_ms, clock_ms, server, claim)
          VALUES (record, '', 0, 0, '', 0, now_ms, me, claim.claim)
          ON CONFLICT (id) DO UPDATE SET server = excluded.server, claim = excluded.claim,
            -- It logs in without the account: its mailbox is its own again.
            account = CASE WHEN claimant <> record THEN s.account END;
      END IF;
    END IF;
    INSERT INTO parley.claimed (server, request, n, claim)
      VALUES (me, claim.request, claim.n, claim.claim);
  END $function$;
`;

/**
 * Ends servers whose lease has expired: their users are gone, and their names are free. Returns how
 * many there were.
 */
export const reapFunction = `
  CREATE OR REPLACE FUNCTION parley.reap() RETURNS integer LANGUAGE plpgsql AS $function$
  DECLARE
    dead text;
    item record;
    version bigint;
    note text;
    pieces text[];
    found integer := 0;
    ended text[];
  BEGIN
    IF NOT pg_try_advisory_xact_lock(8097874531021168754) THEN RETURN 0; END IF;
    UPDATE parley.servers SET is_over = true WHERE NOT is_over AND expires <= clock_timestamp();
    DELETE FROM parley.servers WHERE is_over AND expires < clock_timestamp() - interval '1 day';
    ended := ARRAY(
      SELECT server FROM (
        SELECT server FROM parley.members UNION SELECT server FROM parley.names
        UNION SELECT server FROM parley.sessions WHERE server IS NOT NULL
        UNION SELECT server FROM parley.signals UNION SELECT server FROM parley.people) AS used
      WHERE NOT EXISTS (
        SELECT 1 FROM parley.servers WHERE servers.id = used.server AND NOT is_over)
      ORDER BY server COLLATE "C");
    -- In the order in which batches lock these rows.
    PERFORM 1 FROM parley.rooms WHERE name IN (
      SELECT room FROM parley.members WHERE server = ANY (ended)
    ) ORDER BY name COLLATE "C" FOR UPDATE;
    PERFORM 1 FROM parley.sessions WHERE server = ANY (ended) ORDER BY id COLLATE "C" FOR UPDATE;
    FOREACH dead IN ARRAY ended LOOP
      found := found + 1;
      pieces := '{}';
      FOR item IN
        SELECT room, json_agg(json_build_object('folded', folded, 'event', json_build_object(
          'type', 'left', 'room', room, 'name', name, 'reason', 'lost', 'author', -1,
          'once', ('x' || left(md5(folded), 7))::bit(28)::integer))) AS changes
        FROM parley.members WHERE server = dead GROUP BY room ORDER BY room COLLATE "C"
      LOOP
        UPDATE parley.rooms SET presence = presence + 1 WHERE name = item.room
          RETURNING presence INTO version;
        pieces := pieces || json_build_object('room', item.room, 'version', version,
          'changes', item.changes)::text;
      END LOOP;
      IF cardinality(pieces) > 0 THEN
        note := json_build_object('from', dead, 'pieces', pieces::json[])::text;
        PERFORM parley.tell(dead, note);
      END IF;
      PERFORM pg_notify('${channel}', json_build_object('from', dead, 'isOver', true)::text);
      DELETE FROM parley.people WHERE server = dead;
      DELETE FROM parley.members WHERE server = dead;
      DELETE FROM parley.names WHERE server = dead;
      DELETE FROM parley.signals WHERE server = dead;
      UPDATE parley.sessions SET server = NULL WHERE server = dead;
    END LOOP;
    RETURN found;
  END $function$;
`;
