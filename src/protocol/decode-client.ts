// Decodes a line from a client into a typed message, or into a problem to report to its sender.
// Bounded; never throws. Knows no session and no hub.

import { calls, names, protocol as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import { linkProofForm } from "../trust/device-vouch.ts";
import { publicKeyForm, signatureForm } from "../trust/login-proof.ts";
import { FieldReader, parseObject } from "./field-reader.ts";
import { type ClientMessage, defaultRoom, type Hello, protocolVersion } from "./messages.ts";
import { exchangeBytes } from "./read-exchange.ts";
import { readKind } from "./read-kind.ts";
import {
  offerEnd,
  offerId,
  offerIds,
  optionalOfferId,
  passedFrame,
  readContent,
  readSummary,
} from "./read-offer.ts";
import { readCopies, readSealed } from "./read-sealed.ts";
import { recipientReaders } from "./recipient-request.ts";
import { malformed, undecodable, type Undecodable } from "./undecodable.ts";

type MessageType = ClientMessage["type"];

/** Decodes one line, without its line ending. */
export function decodeClient(line: string): ClientMessage | Undecodable {
  const plain = plainSay(line);
  if (plain !== undefined) return plain;
  const fields = parseObject(line, { maxValues: limits.maxClientValues });
  if (fields === undefined) return malformed(limits.maxClientValues);
  const { type, version } = fields;
  if (!isMessageType(type))
    return undecodable(fields, "unknown", `There is no request of type ${shown(type)}`);
  if (type === "hello" && version !== protocolVersion) {
    const spoken = `This server speaks version ${protocolVersion} of the protocol, not ${shown(version)}`;
    return undecodable(fields, "version", `${spoken}: use a matching client`);
  }
  const reader = new FieldReader(fields);
  const message = readers[type](reader);
  if (reader.problem === undefined) return message;
  return undecodable(fields, "invalid", `Bad \`${type}\`: ${reader.problem}`);
}

const readers: {
  [T in MessageType]: (reader: FieldReader) => Extract<ClientMessage, { type: T }>;
} = {
  ...recipientReaders,
  hello: readHello,
  prove: (r) => ({ type: "prove", signature: signature(r) ?? r.text("signature") }),
  register: (r) => ({
    type: "register",
    label: r.optionalText("label"),
    password: r.optionalText("password"),
    remember: r.optionalFlag("remember"),
    ref: r.ref(),
  }),
  "set-password": (r) => ({
    type: "set-password",
    password: r.optionalText("password"),
    remember: r.optionalFlag("remember"),
    ref: r.ref(),
  }),
  devices: (r) => ({ type: "devices", ref: r.ref() }),
  "device-code": (r) => ({ type: "device-code", ref: r.ref() }),
  link: (r) => ({
    type: "link",
    code: r.text("code"),
    label: r.optionalText("label"),
    proof: r.optionalPattern("proof", linkProofForm, "43 characters of base64url"),
    ref: r.ref(),
  }),
  vouch: (r) => ({
    type: "vouch",
    key: r.pattern("key", publicKeyForm, "an Ed25519 key"),
    signature: signature(r) ?? r.text("signature"),
    proof: r.optionalPattern("proof", linkProofForm, "32 bytes in base64url"),
    ref: r.ref(),
  }),
  keys: (r) => ({ type: "keys", name: r.text("name"), ref: r.ref() }),
  revoke: (r) => ({ type: "revoke", key: r.text("key"), ref: r.ref() }),
  say: (r) => ({
    type: "say",
    room: room(r),
    text: r.text("text"),
    kind: readKind(r),
    n: r.optionalCount("n", 1),
  }),
  tell: (r) => {
    const to = r.texts("to");
    if (to.length === 0) r.refuse("`to` must name somebody");
    const sealed = r.optionalObject("sealed", readSealed);
    const text = sealed === undefined ? r.text("text") : "";
    const copies = sealed === undefined ? undefined : readCopies(r, sealed);
    const n = r.optionalCount("n", 1);
    return { type: "tell", to, text, kind: readKind(r), sealed, copies, n };
  },
  join: (r) => ({
    type: "join",
    room: r.text("room"),
    key: r.optionalText("key"),
    seq: r.optionalCount("seq"),
    epoch: epoch(r),
    ref: r.ref(),
  }),
  part: (r) => ({ type: "part", room: r.text("room"), ref: r.ref() }),
  who: (r) => ({ type: "who", room: room(r), after: r.optionalText("after"), ref: r.ref() }),
  rooms: (r) => ({ type: "rooms", after: r.optionalText("after"), ref: r.ref() }),
  rename: (r) => ({ type: "rename", name: r.text("name"), ref: r.ref() }),
  history: (r) => ({
    type: "history",
    room: room(r),
    before: r.optionalCount("before", 1),
    limit: r.optionalCount("limit", 1),
    ref: r.ref(),
  }),
  search: (r) => ({
    type: "search",
    room: room(r),
    text: r.text("text"),
    before: r.optionalCount("before", 1),
    limit: r.optionalCount("limit", 1),
    ref: r.ref(),
  }),
  invite: (r) => ({ type: "invite", to: r.text("to"), ref: r.ref() }),
  accept: (r) => ({ type: "accept", ref: r.ref() }),
  reject: (r) => ({ type: "reject", ref: r.ref() }),
  leave: (r) => ({ type: "leave", ref: r.ref() }),
  code: (r) => ({
    type: "code",
    number: r.count("number", 1),
    share: exchangeBytes(r, "share"),
    ref: r.ref(),
  }),
  "code-proof": (r) => ({ type: "code-proof", proof: exchangeBytes(r, "proof"), ref: r.ref() }),
  "code-again": (r) => ({ type: "code-again", proof: exchangeBytes(r, "proof"), ref: r.ref() }),
  "code-done": () => ({ type: "code-done" }),
  "code-failed": (r) => ({
    type: "code-failed",
    failed: r.count("failed", 1),
    reason: r.text("reason"),
  }),
  "offer-files": (r) => ({
    type: "offer-files",
    offer: offerId(r),
    to: r.text("to"),
    ...readContent(r),
    ref: r.ref(),
  }),
  "share-files": (r) => ({
    type: "share-files",
    offer: offerId(r),
    room: r.optionalText("room"),
    summary: r.object("summary", readSummary) ?? { files: 0, bytes: 0, names: [] },
    ref: r.ref(),
  }),
  upload: (r) => ({
    type: "upload",
    offer: optionalOfferId(r),
    name: r.text("name"),
    size: r.count("size"),
    room: r.optionalText("room"),
    ref: r.ref(),
  }),
  "answer-files": (r) => ({
    type: "answer-files",
    offer: offerId(r),
    accept: r.flag("accept"),
    ref: r.ref(),
  }),
  "end-files": (r) => ({ type: "end-files", offer: offerId(r), reason: offerEnd(r) }),
  "take-calls": (r) => ({
    type: "take-calls",
    id: callId(r, "id"),
    again: offerIds(r, "again", calls.maxToCallee),
    time: r.optionalCount("time"),
    ref: r.ref(),
  }),
  call: (r) => ({
    type: "call",
    offer: offerId(r),
    to: callId(r, "to"),
    key: r.pattern("key", publicKeyForm, keyForm),
    channel: r.count("channel", 1),
    ref: r.ref(),
  }),
  registry: (r) => ({ type: "registry", request: r.text("request"), ref: r.ref() }),
  "open-code": (r) => ({
    type: "open-code",
    offer: offerId(r),
    number: r.optionalCount("number", 1),
    time: r.optionalCount("time"),
    ref: r.ref(),
  }),
  "join-code": (r) => ({
    type: "join-code",
    offer: offerId(r),
    number: r.count("number", 1),
    ref: r.ref(),
  }),
  pass: (r) => ({ type: "pass", ...passedFrame(r) }),
  admin: (r) => ({ type: "admin", command: r.text("command"), ref: r.ref() }),
  bye: (r) => ({ type: "bye", forget: r.optionalFlag("forget") }),
};

function isMessageType(type: unknown): type is MessageType {
  return typeof type === "string" && Object.hasOwn(readers, type);
}

function readHello(r: FieldReader): Hello {
  const rooms = r.optionalList("rooms", (point) => ({
    room: point.text("room"),
    seq: point.optionalCount("seq"),
    key: point.optionalText("key"),
  }));
  if (rooms !== undefined && rooms.length > names.maxRoomsPerSession) {
    r.refuse(`\`rooms\` must have at most ${names.maxRoomsPerSession} entries`);
  }
  const secretForm = "16 to 128 visible ASCII characters";
  return {
    type: "hello",
    name: r.optionalText("name"),
    visitor: r.optionalFlag("visitor"),
    secret: r.optionalPattern("secret", /^[\x21-\x7e]{16,128}$/, secretForm),
    rooms,
    epoch: epoch(r),
    mail: r.optionalCount("mail"),
    runs: r.optionalFlag("runs"),
    identity: r.optionalObject("identity", (identity) => ({
      key: identity.pattern("key", publicKeyForm, keyForm),
      signature: signature(identity),
    })),
    password: r.optionalText("password"),
    token: r.optionalPattern("token", /^[\x21-\x7e]{1,128}$/, "visible ASCII characters"),
    remember: r.optionalFlag("remember"),
    serverPassword: r.optionalText("serverPassword"),
    pass: r.optionalText("pass"),
    takesFiles: r.optionalFlag("takesFiles"),
    copies: r.optionalFlag("copies"),
  };
}

/** The ID of a peer (docs/dialects.md, "cpp"). */
function callId(r: FieldReader, field: string): string {
  const form = `1 to ${names.maxChars} letters and digits`;
  return r.pattern(field, callIdForm, form);
}

const callIdForm = new RegExp(`^[\\p{L}\\p{N}]{1,${names.maxChars}}$`, "u");

const keyForm = "an Ed25519 public key in base64url";

function signature(r: FieldReader): string | undefined {
  return r.optionalPattern("signature", signatureForm, "an Ed25519 signature in base64url");
}

function room(r: FieldReader): string {
  return r.optionalText("room") ?? defaultRoom;
}

function epoch(r: FieldReader): string | undefined {
  const found = r.optionalText("epoch");
  if (found !== undefined && found.length > limits.maxEpochChars) {
    r.refuse(`\`epoch\` must have at most ${limits.maxEpochChars} characters`);
  }
  return found;
}

/** A value as quoted in errors; lists and objects are not spelled out. */
function shown(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  return typeof value === "object" || value === undefined ? "this" : String(value);
}

const sayStart = '{"type":"say","n":';
const roomStart = ',"room":"';
const textStart = '","text":"';
/** Every number with this many digits is a safe integer. */
const maxPlainDigits = 15;
const notPlain = /["\\\u0000-\u001f]/;

/** The room of the last plain `say` and its encoding in the line; clients tend to repeat it. */
let lastRoom = { name: "", part: "" };

/**
 * Fast path for the most frequent message in the form that encode.ts writes; builds no object.
 * Returns undefined for anything unusual (an escape, a control character, another key order), which
 * is left to the JSON parser.
 */
function plainSay(line: string): ClientMessage | undefined {
  if (!line.startsWith(sayStart) || !line.endsWith('"}')) return undefined;
  let n = 0;
  let at = sayStart.length;
  for (; at < sayStart.length + maxPlainDigits; at++) {
    const digit = line.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    n = n * 10 + digit;
    // No leading zeros.
    if (n === 0) return undefined;
  }
  if (n === 0 || !readPlainRoom(line, at)) return undefined;
  const textAt = at + lastRoom.part.length;
  if (line.length < textAt + 2) return undefined;
  const text = line.slice(textAt, -2);
  return notPlain.test(text) ? undefined : { type: "say", room: lastRoom.name, text, n };
}

/** Reads the room that starts at `at` into `lastRoom`; false if it needs the JSON parser. */
function readPlainRoom(line: string, at: number): boolean {
  if (lastRoom.part !== "" && line.startsWith(lastRoom.part, at)) return true;
  if (!line.startsWith(roomStart, at)) return false;
  const nameAt = at + roomStart.length;
  const nameEnd = line.indexOf('"', nameAt);
  if (nameEnd < 0 || !line.startsWith(textStart, nameEnd)) return false;
  const name = line.slice(nameAt, nameEnd);
  if (notPlain.test(name)) return false;
  lastRoom = { name, part: line.slice(at, nameEnd + textStart.length) };
  return true;
}
