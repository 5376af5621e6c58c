// Decodes a line from a server into a typed message with every field checked, or into a problem.
// Bounded; never throws, even if the server is hostile. Does not sanitize texts and names. Knows no
// session.

import { protocol as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import { FieldReader, parseObject } from "./field-reader.ts";
import {
  type ByeCode,
  type AccountChangeKind,
  type ChatState,
  type DeviceInfo,
  type ErrorMessage,
  type FileInfo,
  type FileOffer,
  type LeaveReason,
  protocolVersion,
  type RoomMessage,
  type RoomEntry,
  type ServerLimits,
  type ServerMessage,
  type TreeEntry,
  type Welcome,
  type RefusedMessages,
  type WelcomeSession,
} from "./messages.ts";
import { exchangeBytes } from "./read-exchange.ts";
import { readKind } from "./read-kind.ts";
import { deviceKey, offerEnd, offerId, passedFrame, readContent, relayEnd } from "./read-offer.ts";
import { readSealed } from "./read-sealed.ts";
import { malformed, undecodable, type Undecodable } from "./undecodable.ts";

type MessageType = ServerMessage["type"];

/** Decodes one line, without its line ending. */
export function decodeServer(line: string): ServerMessage | Undecodable {
  const fields = parseObject(line, { maxValues: limits.maxServerValues });
  if (fields === undefined) return malformed(limits.maxServerValues);
  const { type } = fields;
  if (!isMessageType(type)) {
    const named = typeof type === "string" ? quoted(type) : "none";
    return undecodable(fields, "unknown", `There is no message of type ${named}`);
  }
  const reader = new FieldReader(fields);
  const message = readers[type](reader);
  if (reader.problem === undefined) return message;
  return undecodable(fields, "invalid", `Bad \`${type}\`: ${reader.problem}`);
}

const readers: {
  [T in MessageType]: (reader: FieldReader) => Extract<ServerMessage, { type: T }>;
} = {
  welcome: readWelcome,
  challenge: (r) => ({ type: "challenge", nonce: r.text("nonce") }),
  registered: (r) => ({
    type: "registered",
    name: r.text("name"),
    token: r.optionalText("token"),
    ref: r.ref(),
  }),
  "password-set": (r) => ({
    type: "password-set",
    isSet: r.flag("isSet"),
    token: r.optionalText("token"),
    ref: r.ref(),
  }),
  devices: (r) => ({ type: "devices", devices: r.list("devices", readDevice), ref: r.ref() }),
  "device-code": (r) => ({
    type: "device-code",
    code: r.text("code"),
    seconds: r.count("seconds"),
    ref: r.ref(),
  }),
  keys: (r) => ({
    type: "keys",
    name: r.text("name"),
    registered: r.flag("registered"),
    keys: r.texts("keys"),
    vouches: r.optionalList("vouches", (v) => ({
      key: v.text("key"),
      by: v.text("by"),
      signature: v.text("signature"),
      proof: v.optionalText("proof"),
    })),
    ref: r.ref(),
  }),
  "account-changed": (r) => ({
    type: "account-changed",
    change: accountChange(r),
    device: r.text("device"),
    key: r.optionalText("key"),
    proof: r.optionalText("proof"),
  }),
  linked: (r) => ({ type: "linked", name: r.text("name"), ref: r.ref() }),
  ack: (r) => ({
    type: "ack",
    n: r.count("n"),
    room: r.optionalText("room"),
    seq: r.optionalCount("seq"),
  }),
  message: readMessage,
  messages: (r) => ({
    type: "messages",
    room: r.text("room"),
    seq: r.count("seq"),
    time: r.number("time"),
    from: r.text("from"),
    texts: r.texts("texts"),
    kind: readKind(r),
    n: r.optionalCount("n"),
  }),
  private: (r) => ({
    type: "private",
    mail: r.count("mail"),
    time: r.number("time"),
    from: r.text("from"),
    to: r.texts("to"),
    text: r.text("text"),
    kind: readKind(r),
    chat: r.optionalFlag("chat"),
    sealed: r.optionalObject("sealed", readSealed),
    own: r.optionalFlag("own"),
  }),
  joined: (r) => ({ type: "joined", room: r.text("room"), name: r.text("name") }),
  left: (r) => ({
    type: "left",
    room: r.text("room"),
    name: r.text("name"),
    reason: leaveReason(r),
  }),
  renamed: (r) => ({
    type: "renamed",
    from: r.text("from"),
    to: r.text("to"),
    room: r.optionalText("room"),
    chat: r.optionalFlag("chat"),
  }),
  chat: (r) => ({ type: "chat", state: chatState(r), with: r.text("with") }),
  entered: (r) => ({
    type: "entered",
    ...readRoomEntry(r),
    epoch: r.text("epoch"),
    ref: r.ref(),
  }),
  parted: (r) => ({
    type: "parted",
    room: r.text("room"),
    by: r.optionalText("by"),
    text: r.optionalText("text"),
    ref: r.ref(),
  }),
  names: (r) => ({
    type: "names",
    room: r.text("room"),
    names: r.texts("names"),
    total: r.count("total"),
    next: r.optionalText("next"),
    ref: r.ref(),
  }),
  rooms: (r) => ({
    type: "rooms",
    rooms: r.list("rooms", (item) => ({ room: item.text("room"), members: item.count("members") })),
    next: r.optionalText("next"),
    ref: r.ref(),
  }),
  history: (r) => ({
    type: "history",
    room: r.text("room"),
    messages: r.list("messages", readMessage),
    ref: r.ref(),
  }),
  found: (r) => ({
    type: "found",
    room: r.text("room"),
    messages: r.list("messages", readMessage),
    next: r.optionalCount("next"),
    ref: r.ref(),
  }),
  files: (r) => ({
    type: "files",
    files: r.list("files", readFileInfo),
    next: r.optionalText("next"),
    ref: r.ref(),
  }),
  name: (r) => ({ type: "name", name: r.text("name"), ref: r.ref() }),
  offer: readOffer,
  tags: (r) => ({
    type: "tags",
    transfer: r.count("transfer"),
    from: r.count("from"),
    data: r.text("data"),
  }),
  data: (r) => ({
    type: "data",
    transfer: r.count("transfer"),
    offset: r.count("offset"),
    data: r.text("data"),
  }),
  tree: (r) => ({
    type: "tree",
    entries: r.list("entries", readTreeEntry),
    more: r.optionalFlag("more"),
    ref: r.ref(),
  }),
  gone: (r) => ({ type: "gone", transfer: r.count("transfer"), file: r.count("file") }),
  digest: (r) => ({
    type: "digest",
    transfer: r.count("transfer"),
    sha256: r.pattern("sha256", /^[0-9a-f]{64}$/i, hashForm),
  }),
  error: readError,
  "code-share": (r) => ({
    type: "code-share",
    share: exchangeBytes(r, "share"),
    proof: exchangeBytes(r, "proof"),
    ref: r.ref(),
  }),
  "code-files": (r) => ({
    type: "code-files",
    files: r.list("files", readFileInfo),
    ref: r.ref(),
  }),
  "code-opened": (r) => ({
    type: "code-opened",
    offer: offerId(r),
    number: r.count("number", 1),
    page: r.optionalObject("page", (page) => ({
      url: page.optionalText("url"),
      port: page.optionalCount("port", 1),
      secure: page.optionalFlag("secure"),
    })),
    ref: r.ref(),
  }),
  "taking-calls": (r) => ({ type: "taking-calls", id: r.text("id"), ref: r.ref() }),
  registry: (r) => ({ type: "registry", answer: r.text("answer"), ref: r.ref() }),
  calling: (r) => ({ type: "calling", offer: offerId(r), ref: r.ref() }),
  "code-joined": (r) => ({
    type: "code-joined",
    offer: offerId(r),
    here: r.flag("here"),
    ref: r.ref(),
  }),
  offering: (r) => ({
    type: "offering",
    offer: offerId(r),
    to: r.text("to"),
    here: r.flag("here"),
    online: r.optionalFlag("online"),
    ref: r.ref(),
  }),
  sharing: (r) => ({ type: "sharing", offer: offerId(r), ref: r.ref() }),
  upload: (r) => ({
    type: "upload",
    path: r.text("path"),
    from: r.optionalCount("from"),
    ref: r.ref(),
  }),
  offered: (r) => ({
    type: "offered",
    offer: offerId(r),
    from: r.text("from"),
    ...readContent(r),
  }),
  channel: (r) => ({
    type: "channel",
    offer: offerId(r),
    channel: r.count("channel", 1),
    with: r.text("with"),
    key: deviceKey(r),
    relay: r.optionalObject("relay", relayEnd),
  }),
  "channel-lost": (r) => ({
    type: "channel-lost",
    offer: offerId(r),
    channel: r.count("channel", 1),
  }),
  passed: (r) => ({ type: "passed", ...passedFrame(r) }),
  "offer-ended": (r) => ({
    type: "offer-ended",
    offer: offerId(r),
    reason: offerEnd(r),
    files: r.optionalList("files", readFileInfo),
    code: r.optionalText("code"),
    message: r.optionalText("message"),
  }),
  topic: (r) => ({ type: "topic", room: r.text("room"), topic: r.text("topic") }),
  away: (r) => ({
    type: "away",
    room: r.text("room"),
    name: r.text("name"),
    text: r.optionalText("text"),
  }),
  mode: (r) => ({
    type: "mode",
    room: r.text("room"),
    by: r.text("by"),
    change: r.text("change"),
  }),
  call: (r) => ({ type: "call", room: r.text("room"), from: r.text("from") }),
  deleted: (r) => ({ type: "deleted", room: r.text("room"), seq: r.count("seq") }),
  motd: (r) => ({ type: "motd", text: r.text("text") }),
  admin: (r) => ({
    type: "admin",
    message: r.optionalText("message"),
    rows: r.list("rows", (row) => ({
      text: row.optionalText("text"),
      fields: row.scalars("fields"),
    })),
    ref: r.ref(),
  }),
  ping: () => ({ type: "ping" }),
  pong: (r) => ({ type: "pong", ref: r.ref(), time: r.optionalCount("time") }),
  bye: (r) => ({
    type: "bye",
    reason: r.text("reason"),
    code: byeCode(r),
  }),
};

const hashForm = "a SHA-256 in hexadecimal";

function isMessageType(type: unknown): type is MessageType {
  return typeof type === "string" && Object.hasOwn(readers, type);
}

function readWelcome(r: FieldReader): Welcome {
  if (r.count("version") !== protocolVersion) r.refuse(`\`version\` must be ${protocolVersion}`);
  return {
    type: "welcome",
    version: protocolVersion,
    server: r.text("server"),
    udpPort: r.count("udpPort"),
    limits: r.object("limits", readLimits) ?? noLimits,
    access: r.optionalPattern(
      "access",
      /^[\x21-\x7e]{1,128}$/,
      "1 to 128 visible ASCII characters",
    ),
    codes: r.optionalFlag("codes"),
    session: r.optionalObject("session", readSession),
  };
}

function readLimits(r: FieldReader): ServerLimits {
  return {
    lineBytes: r.count("lineBytes", 1),
    textChars: r.count("textChars", 1),
    nameChars: r.count("nameChars", 1),
    recipients: r.count("recipients", 1),
    rooms: r.count("rooms", 1),
    messagesPerSecond: r.count("messagesPerSecond"),
    burstSeconds: r.count("burstSeconds"),
  };
}

/** Placeholder for a welcome that is about to be rejected. */
const noLimits: ServerLimits = {
  lineBytes: 1,
  textChars: 1,
  nameChars: 1,
  recipients: 1,
  rooms: 1,
  messagesPerSecond: 0,
  burstSeconds: 0,
};

function readSession(r: FieldReader): WelcomeSession {
  return {
    name: r.text("name"),
    secret: r.text("secret"),
    epoch: r.text("epoch"),
    mail: r.count("mail"),
    n: r.count("n"),
    refused: r.optionalList("refused", readRefused),
    recovered: r.flag("recovered"),
    rooms: r.list("rooms", readRoomEntry),
    registered: r.optionalFlag("registered"),
    token: r.optionalText("token"),
  };
}

function readRefused(r: FieldReader): RefusedMessages {
  const [first, last] = [r.count("first"), r.count("last")];
  const to = r.optionalText("to");
  return { first, last, code: r.text("code"), to, message: r.text("message") };
}

function readRoomEntry(r: FieldReader): RoomEntry {
  return { room: r.text("room"), seq: r.count("seq"), recovered: r.flag("recovered") };
}

function readMessage(r: FieldReader): RoomMessage {
  return {
    type: "message",
    room: r.text("room"),
    seq: r.count("seq"),
    time: r.number("time"),
    from: r.text("from"),
    text: r.text("text"),
    kind: readKind(r),
    n: r.optionalCount("n"),
    deleted: r.optionalFlag("deleted"),
  };
}

const accountChanges: Readonly<Record<AccountChangeKind, true>> = {
  "device-added": true,
  "device-revoked": true,
  "password-changed": true,
};

function accountChange(r: FieldReader): AccountChangeKind {
  const change = r.choice("change", accountChanges);
  if (change === undefined) r.refuse("`change` must be a known kind of change");
  return change ?? "password-changed";
}

function readDevice(r: FieldReader): DeviceInfo {
  return {
    key: r.text("key"),
    label: r.text("label"),
    added: r.number("added"),
    used: r.number("used"),
    revoked: r.optionalCount("revoked"),
    own: r.optionalFlag("own"),
  };
}

function readTreeEntry(r: FieldReader): TreeEntry {
  return {
    path: r.text("path"),
    kind: treeKind(r),
    size: r.count("size"),
    modified: r.number("modified"),
    mode: r.count("mode"),
  };
}

function treeKind(r: FieldReader): TreeEntry["kind"] {
  const kind = r.optionalText("kind");
  if (kind === undefined || kind === "folder" || kind === "link" || kind === "other") return kind;
  r.refuse("`kind` must be folder, link or other");
  return undefined;
}

function readOffer(r: FieldReader): FileOffer {
  return {
    type: "offer",
    transfer: r.count("transfer"),
    name: r.text("name"),
    size: r.count("size"),
    modified: r.number("modified"),
    version: r.text("version"),
    chunkBytes: r.count("chunkBytes", 1),
    udpPort: r.count("udpPort", 1),
    maxSegmentBytes: r.count("maxSegmentBytes", 1),
    ref: r.ref(),
  };
}

function readError(r: FieldReader): ErrorMessage {
  return {
    type: "error",
    code: r.text("code"),
    message: r.text("message"),
    n: r.optionalCount("n", 1),
    ref: r.ref(),
    retryAfterMs: r.optionalCount("retryAfterMs"),
    subject: r.optionalText("subject"),
    at: r.optionalText("at"),
    password: r.optionalFlag("password"),
    transfer: r.optionalCount("transfer"),
  };
}

const chatStates: Readonly<Record<ChatState, true>> = {
  asked: true,
  invited: true,
  started: true,
  rejected: true,
  busy: true,
  left: true,
  lost: true,
};

function chatState(r: FieldReader): ChatState {
  const state = r.choice("state", chatStates);
  if (state === undefined) r.refuse("`state` must be a known state");
  return state ?? "lost";
}

const leaveReasons: Readonly<Record<LeaveReason, true>> = {
  quit: true,
  lost: true,
  slow: true,
  parted: true,
  replaced: true,
  kicked: true,
};

const byeCodes: Readonly<Record<ByeCode, true>> = { replaced: true, kicked: true, banned: true };

/** A client that does not know the code ignores it and reconnects. */
function byeCode(r: FieldReader): ByeCode | undefined {
  return r.optionalText("code") === undefined ? undefined : r.choice("code", byeCodes);
}

/** The member has left, whatever the reason; an unknown reason counts as `quit`. */
function leaveReason(r: FieldReader): LeaveReason {
  return r.choice("reason", leaveReasons) ?? "quit";
}

function readFileInfo(item: FieldReader): FileInfo {
  return { name: item.text("name"), size: item.count("size"), modified: item.number("modified") };
}
