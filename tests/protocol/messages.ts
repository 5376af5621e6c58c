// Arbitrary messages of the native protocol, of every type, for property tests.

import * as fc from "fast-check";
import type {
  ClientMessage,
  MessageKind,
  RoomMessage,
  ServerMessage,
} from "../../src/protocol/messages.ts";
import { calls, offers as offerLimits, transfer } from "../../src/limits.ts";
import { anyCharacter } from "../any-character.ts";

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: anyCharacter, maxLength: 12 }),
  fc.constantFrom('a "quoted" \\ text', "grüße 🎈", "a\nb", "\u001b[2J", "\ud800", "</script>", ""),
);
const name = fc.oneof(text, fc.constantFrom("Ann", "Bob", "[::1]:5"));
const room = fc.oneof(text, fc.constantFrom("lobby", "den"));
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER));
const fromOne = fc.oneof(fc.integer({ min: 1 }), fc.constantFrom(1, Number.MAX_SAFE_INTEGER));
const time = fc.oneof(fc.integer(), fc.constant(1_790_000_000_000));
/** 32 bytes in base64url. */
const exchange = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("base64url"));
const ref = fc.oneof(fc.integer(), fc.string({ maxLength: 64 }));
const epoch = fc.string({ maxLength: 64 });
const ascii = "!#$%&'()*+,-./0123456789:;<=>?@ABC[]^_`abc{|}~\"\\".split("");
const secret = fc.string({ unit: fc.constantFrom(...ascii), minLength: 16, maxLength: 128 });
const base64url = fc.constantFrom(..."ABCXYZabcxyz0123456789-_".split(""));
const bytes = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((value) => Buffer.from(value).toString("base64url"));
const publicKey = bytes(32);
const peerId = fc.stringMatching(/^[A-Za-zäß0-9]{1,32}$/);
const signature = bytes(64);
const kind = fc.constantFrom<MessageKind>("emote", "notice");
const names = fc.array(name, { maxLength: 5 });
const boxes = fc.array(fc.record({ key: publicKey, box: fc.oneof(bytes(40), fc.constant("")) }), {
  minLength: 1,
  maxLength: 4,
});
const sealed = fc.record({ key: publicKey, boxes });

const offer = bytes(16);
const offerEnd = fc.constantFrom(
  "done" as const,
  "declined" as const,
  "cancelled" as const,
  "lost" as const,
  "elsewhere" as const,
  "overrun" as const,
  "failed" as const,
);
const summary = fc.record(
  {
    files: count,
    bytes: count,
    names: fc.array(text, { maxLength: offerLimits.shownNames }),
    folders: count,
  },
  { requiredKeys: ["files", "bytes", "names"] },
);
const frame = { offer, channel: fromOne, data: bytes(40) };

/** An object whose fields in `optional` may be absent. */
function partial<F extends object>(
  fields: { [K in keyof F]: fc.Arbitrary<F[K]> },
  ...optional: (keyof F)[]
) {
  const required = (Object.keys(fields) as (keyof F)[]).filter((key) => !optional.includes(key));
  return fc.record(fields, { requiredKeys: required });
}

/** The same as a message of that type. */
function record<T extends string, F extends object>(
  type: T,
  fields: { [K in keyof F]: fc.Arbitrary<F[K]> },
  ...optional: (keyof F)[]
) {
  return partial(fields, ...optional).map((value) => ({ ...value, type }));
}

/** One arbitrary for each type of a union; a missing type does not compile. */
type Each<Message extends { type: string }> = {
  [T in Message["type"]]: fc.Arbitrary<Extract<Message, { type: T }>>;
};

const clientMessages: Each<ClientMessage> = {
  hello: record(
    "hello",
    {
      name,
      visitor: fc.boolean(),
      secret,
      rooms: fc.array(partial({ room, seq: count, key: text }, "seq", "key"), { maxLength: 16 }),
      epoch,
      mail: count,
      runs: fc.boolean(),
      identity: partial({ key: publicKey, signature }, "signature"),
      password: text,
      token: secret,
      remember: fc.boolean(),
      serverPassword: text,
      pass: text,
      takesFiles: fc.boolean(),
      copies: fc.boolean(),
    },
    "name",
    "visitor",
    "secret",
    "rooms",
    "epoch",
    "mail",
    "runs",
    "identity",
    "password",
    "token",
    "remember",
    "serverPassword",
    "pass",
    "takesFiles",
    "copies",
  ),
  prove: record("prove", { signature }),
  register: record(
    "register",
    { label: text, password: text, remember: fc.boolean(), ref },
    "label",
    "password",
    "remember",
    "ref",
  ),
  "set-password": record(
    "set-password",
    { password: text, remember: fc.boolean(), ref },
    "password",
    "remember",
    "ref",
  ),
  devices: record("devices", { ref }, "ref"),
  "device-code": record("device-code", { ref }, "ref"),
  link: record("link", { code: text, label: text, proof: publicKey, ref }, "label", "proof", "ref"),
  vouch: record("vouch", { key: publicKey, signature, ref }, "ref"),
  keys: record("keys", { name, ref }, "ref"),
  revoke: record("revoke", { key: text, ref }, "ref"),
  say: record("say", { room, text, kind, n: fromOne }, "kind", "n"),
  // Either a text or a sealed one, never both.
  tell: fc.oneof(
    record(
      "tell",
      { to: fc.array(name, { minLength: 1, maxLength: 5 }), text, kind, n: fromOne },
      "kind",
      "n",
    ),
    record(
      "tell",
      { to: fc.tuple(name), text: fc.constant(""), kind, sealed, copies: boxes, n: fromOne },
      "kind",
      "copies",
      "n",
    ),
  ),
  join: record("join", { room, key: text, seq: count, epoch, ref }, "key", "seq", "epoch", "ref"),
  part: record("part", { room, ref }, "ref"),
  who: record("who", { room, after: text, ref }, "after", "ref"),
  rooms: record("rooms", { after: text, ref }, "after", "ref"),
  rename: record("rename", { name, ref }, "ref"),
  history: record(
    "history",
    { room, before: fromOne, limit: fromOne, ref },
    "before",
    "limit",
    "ref",
  ),
  search: record(
    "search",
    { room, text, before: fromOne, limit: fromOne, ref },
    "before",
    "limit",
    "ref",
  ),
  invite: record("invite", { to: name, ref }, "ref"),
  accept: record("accept", { ref }, "ref"),
  reject: record("reject", { ref }, "ref"),
  leave: record("leave", { ref }, "ref"),
  files: record(
    "files",
    { after: text, limit: fromOne, folders: fc.boolean(), ref },
    "after",
    "limit",
    "folders",
    "ref",
  ),
  fetch: fc.oneof(
    record("fetch", { name, check: fc.constant(true), ref }, "ref"),
    record("fetch", {
      name,
      token: fc.string({ unit: base64url, minLength: 22, maxLength: 22 }),
      batch: partial({ after: text, until: text, version: text }, "after", "until", "version"),
    }),
    record(
      "fetch",
      {
        name,
        token: fc.string({ unit: base64url, minLength: 22, maxLength: 22 }),
        request: fc
          .uint8Array({ minLength: 1, maxLength: 1_200 })
          .map((bytes) => Buffer.from(bytes).toString("base64")),
        address: text,
        port: fc.integer({ min: 1, max: 65_535 }),
        held: fc.boolean(),
        sha256: fc.boolean(),
        check: fc.constant(false),
        ref,
      },
      "request",
      "address",
      "port",
      "held",
      "sha256",
      "check",
      "ref",
    ),
  ),
  pull: record("pull", {
    transfer: fromOne,
    offset: count,
    length: fc.integer({ min: 1, max: transfer.maxPullBytes }),
  }),
  tree: record("tree", { name, after: text, ref }, "after", "ref"),
  fetched: record("fetched", { transfer: fromOne }),
  code: record("code", { number: fromOne, share: exchange, ref }, "ref"),
  "code-proof": record("code-proof", { proof: exchange, ref }, "ref"),
  "code-again": record("code-again", { proof: exchange, ref }, "ref"),
  "code-done": fc.constant({ type: "code-done" as const }),
  "code-failed": record("code-failed", { failed: fromOne, reason: text }),
  // Either a summary or a sealed one, never both.
  "offer-files": fc.oneof(
    record("offer-files", { offer, to: name, summary, ref }, "ref"),
    record("offer-files", { offer, to: name, sealed, ref }, "ref"),
  ),
  "share-files": record("share-files", { offer, room, summary, ref }, "room", "ref"),
  upload: record("upload", { offer, name, size: count, room, ref }, "offer", "room", "ref"),
  "answer-files": record("answer-files", { offer, accept: fc.boolean(), ref }, "ref"),
  "end-files": record("end-files", { offer, reason: offerEnd }),
  "take-calls": record(
    "take-calls",
    { id: peerId, again: fc.array(offer, { maxLength: calls.maxToCallee }), time: count, ref },
    "again",
    "time",
    "ref",
  ),
  registry: record("registry", { request: text, ref }, "ref"),
  call: record("call", { offer, to: peerId, key: publicKey, channel: fromOne, ref }, "ref"),
  "open-code": record(
    "open-code",
    { offer, number: fromOne, time: count, ref },
    "number",
    "time",
    "ref",
  ),
  "join-code": record("join-code", { offer, number: fromOne, ref }, "ref"),
  pass: record("pass", frame),
  admin: record("admin", { command: text, ref }, "ref"),
  ping: record("ping", { ref }, "ref"),
  pong: fc.constant({ type: "pong" }),
  bye: record("bye", { forget: fc.boolean() }, "forget"),
};

const roomState = fc.record({ room, seq: count, recovered: fc.boolean() });
const roomMessage: fc.Arbitrary<RoomMessage> = record(
  "message",
  { room, seq: count, time, from: name, text, kind, n: fromOne, deleted: fc.constant(true) },
  "kind",
  "n",
  "deleted",
);

const device = partial(
  { key: publicKey, label: text, added: time, used: time, revoked: count, own: fc.boolean() },
  "revoked",
  "own",
);

const fileInfo = fc.record({ name, size: count, modified: time });

const serverMessages: Each<ServerMessage> = {
  welcome: record(
    "welcome",
    {
      version: fc.constant(2 as const),
      server: text,
      udpPort: count,
      limits: fc.record({
        lineBytes: fromOne,
        textChars: fromOne,
        nameChars: fromOne,
        recipients: fromOne,
        rooms: fromOne,
        messagesPerSecond: count,
        burstSeconds: count,
      }),
      access: secret,
      codes: fc.boolean(),
      session: partial(
        {
          name,
          secret,
          epoch,
          mail: count,
          n: count,
          refused: fc.array(
            partial({ first: count, last: count, code: text, to: text, message: text }, "to"),
            {
              maxLength: 3,
            },
          ),
          recovered: fc.boolean(),
          rooms: fc.array(roomState, { maxLength: 16 }),
          registered: fc.boolean(),
          token: text,
        },
        "refused",
        "registered",
        "token",
      ),
    },
    "access",
    "codes",
    "session",
  ),
  challenge: record("challenge", { nonce: text }),
  registered: record("registered", { name, token: text, ref }, "token", "ref"),
  "password-set": record("password-set", { isSet: fc.boolean(), token: text, ref }, "token", "ref"),
  devices: record("devices", { devices: fc.array(device, { maxLength: 5 }), ref }, "ref"),
  "device-code": record("device-code", { code: text, seconds: count, ref }, "ref"),
  keys: record(
    "keys",
    {
      name,
      registered: fc.boolean(),
      keys: fc.array(publicKey, { maxLength: 4 }),
      vouches: fc.array(fc.record({ key: publicKey, by: publicKey, signature }), { maxLength: 4 }),
      ref,
    },
    "vouches",
    "ref",
  ),
  "account-changed": record(
    "account-changed",
    {
      change: fc.constantFrom("device-added", "device-revoked", "password-changed"),
      device: text,
      key: publicKey,
      proof: publicKey,
    },
    "key",
    "proof",
  ),
  linked: record("linked", { name, ref }, "ref"),
  ack: record("ack", { n: count, room, seq: count }, "room", "seq"),
  error: record(
    "error",
    {
      code: text,
      message: text,
      n: fromOne,
      ref,
      retryAfterMs: count,
      subject: text,
      at: text,
      password: fc.boolean(),
      transfer: count,
    },
    "n",
    "ref",
    "retryAfterMs",
    "subject",
    "at",
    "password",
    "transfer",
  ),
  message: roomMessage,
  messages: record(
    "messages",
    {
      room,
      seq: count,
      time,
      from: name,
      texts: fc.array(text, { maxLength: 6 }),
      kind,
      n: fromOne,
    },
    "kind",
    "n",
  ),
  private: record(
    "private",
    {
      mail: count,
      time,
      from: name,
      to: names,
      text,
      kind,
      chat: fc.boolean(),
      sealed,
      own: fc.boolean(),
    },
    "kind",
    "chat",
    "sealed",
    "own",
  ),
  joined: record("joined", { room, name }),
  left: record("left", {
    room,
    name,
    reason: fc.constantFrom("quit", "lost", "slow", "parted", "replaced", "kicked"),
  }),
  renamed: record("renamed", { from: name, to: name, room, chat: fc.boolean() }, "room", "chat"),
  chat: record("chat", {
    state: fc.constantFrom("asked", "invited", "started", "rejected", "busy", "left", "lost"),
    with: name,
  }),
  entered: fc
    .tuple(roomState, record("entered", { epoch, ref }, "ref"))
    .map(([state, entered]) => ({ ...state, ...entered })),
  parted: record("parted", { room, by: name, text, ref }, "by", "text", "ref"),
  names: record("names", { room, names, total: count, next: text, ref }, "next", "ref"),
  rooms: record(
    "rooms",
    { rooms: fc.array(fc.record({ room, members: count }), { maxLength: 5 }), next: text, ref },
    "next",
    "ref",
  ),
  history: record(
    "history",
    { room, messages: fc.array(roomMessage, { maxLength: 5 }), ref },
    "ref",
  ),
  found: record(
    "found",
    { room, messages: fc.array(roomMessage, { maxLength: 5 }), next: count, ref },
    "next",
    "ref",
  ),
  files: record(
    "files",
    {
      files: fc.array(fileInfo, { maxLength: 5 }),
      next: text,
      ref,
    },
    "next",
    "ref",
  ),
  name: record("name", { name, ref }, "ref"),
  offer: record(
    "offer",
    {
      transfer: count,
      name,
      size: count,
      modified: time,
      version: text,
      chunkBytes: fromOne,
      udpPort: fromOne,
      maxSegmentBytes: fromOne,
      ref,
    },
    "ref",
  ),
  "code-opened": record(
    "code-opened",
    {
      offer,
      number: fromOne,
      page: partial({ url: text, port: fromOne, secure: fc.boolean() }, "url", "port", "secure"),
      ref,
    },
    "page",
    "ref",
  ),
  "taking-calls": record("taking-calls", { id: text, ref }, "ref"),
  registry: record("registry", { answer: text, ref }, "ref"),
  calling: record("calling", { offer, ref }, "ref"),
  "code-joined": record("code-joined", { offer, here: fc.boolean(), ref }, "ref"),
  "code-share": record("code-share", { share: exchange, proof: exchange, ref }, "ref"),
  "code-files": record("code-files", { files: fc.array(fileInfo, { maxLength: 5 }), ref }, "ref"),
  tree: record(
    "tree",
    {
      entries: fc.array(
        partial(
          {
            path: text,
            kind: fc.constantFrom("folder" as const, "link" as const, "other" as const),
            size: count,
            modified: time,
            mode: count,
          },
          "kind",
        ),
        { maxLength: 4 },
      ),
      more: fc.boolean(),
      ref,
    },
    "more",
    "ref",
  ),
  gone: record("gone", { transfer: count, file: count }),
  tags: record("tags", { transfer: count, from: count, data: text }),
  data: record("data", { transfer: count, offset: count, data: text }),
  digest: record("digest", { transfer: count, sha256: fc.constant("0f".repeat(32)) }),
  offering: record(
    "offering",
    { offer, to: name, here: fc.boolean(), online: fc.boolean(), ref },
    "online",
    "ref",
  ),
  sharing: record("sharing", { offer, ref }, "ref"),
  upload: record("upload", { path: text, from: count, ref }, "from", "ref"),
  offered: fc.oneof(
    record("offered", { offer, from: name, summary }),
    record("offered", { offer, from: name, sealed }),
  ),
  channel: record("channel", { offer, channel: fromOne, with: name, key: publicKey }, "key"),
  "channel-lost": record("channel-lost", { offer, channel: fromOne }),
  passed: record("passed", frame),
  "offer-ended": record(
    "offer-ended",
    {
      offer,
      reason: offerEnd,
      files: fc.array(fileInfo, { maxLength: 5 }),
      code: text,
      message: text,
    },
    "files",
    "code",
    "message",
  ),
  topic: record("topic", { room, topic: text }),
  away: record("away", { room, name, text }, "text"),
  mode: record("mode", { room, by: name, change: text }),
  call: record("call", { room, from: name }),
  deleted: record("deleted", { room, seq: count }),
  motd: record("motd", { text }),
  admin: record(
    "admin",
    {
      message: text,
      rows: fc.array(
        partial(
          {
            text,
            fields: fc.dictionary(
              fc.constantFrom("event", "id", "name"),
              fc.oneof(text, count, fc.boolean()),
            ),
          },
          "text",
        ),
        { maxLength: 4 },
      ),
      ref,
    },
    "message",
    "ref",
  ),
  ping: fc.constant({ type: "ping" }),
  pong: record("pong", { ref, time: count }, "ref", "time"),
  bye: record("bye", { reason: text, code: fc.constant("replaced" as const) }, "code"),
};

export const clientTypes = Object.keys(clientMessages);
export const serverTypes = Object.keys(serverMessages);
export const anyClientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  ...Object.values(clientMessages),
);
export const anyServerMessage: fc.Arbitrary<ServerMessage> = fc.oneof(
  ...Object.values(serverMessages),
);
