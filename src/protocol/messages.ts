// The messages of the native protocol, version 2 (docs/protocol.md), as types: what a client sends
// and what a server sends. Shared by server, terminal, page and file mover; encode.ts writes them
// as lines, decode-client.ts and decode-server.ts read those. Knows no hub.

/**
 * The only version spoken. A `hello` with another one gets `error` `version`, and the connection
 * ends.
 */
export const protocolVersion = 2;

/** The room of a client that names none. */
export const defaultRoom = "lobby";

/**
 * Repeated in the answer to the request that carried it: an integer, or a string of at most 64
 * characters.
 */
export type Ref = string | number;

/** Why somebody left a room. `parted`: left this room only. */
export type LeaveReason = "quit" | "lost" | "slow" | "parted" | "replaced";

/** What happens to a private chat by consent. */
export type ChatState = "asked" | "invited" | "started" | "rejected" | "busy" | "left" | "lost";

/** A room and the last `seq` of it that the client has seen; without `seq` it wants no past. */
export type RoomPoint = { room: string; seq?: number | undefined };

export type Hello = {
  type: "hello";
  /** Absent: the session may only list and fetch files, and ping. */
  name?: string | undefined;
  /** 16 to 128 visible ASCII characters; the server makes one if absent. */
  secret?: string | undefined;
  /** The rooms to be in; absent: the lobby. May be empty. */
  rooms?: readonly RoomPoint[] | undefined;
  /** Epoch of the log that the `seq` and `mail` numbers belong to. */
  epoch?: string | undefined;
  /** The last `mail` number that the client has seen. */
  mail?: number | undefined;
  /** The client takes consecutive messages of one sender in one `messages` line. */
  runs?: boolean | undefined;
};

/** Asks for a file (docs/transfer.md). */
export type FetchRequest = {
  type: "fetch";
  name: string;
  /**
   * 16 bytes, base64url: the unguessable name of the transfer in datagrams. Absent with `check`.
   */
  token?: string | undefined;
  /** A whole REQUEST datagram, base64, and the UDP address that the COOKIE told. */
  request?: string | undefined;
  address?: string | undefined;
  port?: number | undefined;
  /** Bytes that the client already has. */
  held?: number | undefined;
  /** Only the digests, no data: for comparison with a local file. */
  check?: boolean | undefined;
  ref?: Ref | undefined;
};

/** Lines of a file transfer that a client sends. */
export type TransferRequest =
  | FetchRequest
  /** The client is done with this transfer. */
  | { type: "fetched"; transfer: number };

/** What a client sends, one object a line. */
export type ClientMessage =
  | Hello
  /** To everybody in a room that the session is in. */
  | { type: "say"; room: string; text: string; n?: number | undefined }
  /**
   * To the named people alone, wherever they are. To the partner of a private chat alone, it is
   * part of that.
   */
  | { type: "tell"; to: readonly string[]; text: string; n?: number | undefined }
  | {
      type: "join";
      room: string;
      seq?: number | undefined;
      epoch?: string | undefined;
      ref?: Ref | undefined;
    }
  | { type: "part"; room: string; ref?: Ref | undefined }
  | { type: "who"; room: string; after?: string | undefined; ref?: Ref | undefined }
  | { type: "rooms"; after?: string | undefined; ref?: Ref | undefined }
  | { type: "rename"; name: string; ref?: Ref | undefined }
  | {
      type: "history";
      room: string;
      before?: number | undefined;
      limit?: number | undefined;
      ref?: Ref | undefined;
    }
  | { type: "invite"; to: string; ref?: Ref | undefined }
  | { type: "accept"; ref?: Ref | undefined }
  | { type: "reject"; ref?: Ref | undefined }
  | { type: "leave"; ref?: Ref | undefined }
  | {
      type: "files";
      after?: string | undefined;
      limit?: number | undefined;
      ref?: Ref | undefined;
    }
  | TransferRequest
  | { type: "ping"; ref?: Ref | undefined }
  | { type: "pong" }
  | { type: "bye" };

/** The server's limits, as `welcome` announces them. */
export type ServerLimits = {
  lineBytes: number;
  textChars: number;
  nameChars: number;
  recipients: number;
  /** Rooms that a session can be in. */
  rooms: number;
  /** 0: no limit. */
  messagesPerSecond: number;
  burstSeconds: number;
};

export type Welcome = {
  type: "welcome";
  version: typeof protocolVersion;
  server: string;
  udpPort: number;
  limits: ServerLimits;
  /** Absent for a session without a name. */
  session?: WelcomeSession | undefined;
};

/** Who and where the session is. */
export type WelcomeSession = {
  name: string;
  secret: string;
  epoch: string;
  /** Number after which live private messages go on. */
  mail: number;
  /** Highest message counter that the server has of this session. */
  n: number;
  /** Whether all private messages after the client's `mail` follow, or were seen. */
  recovered: boolean;
  rooms: readonly RoomState[];
};

/** A room that the session is in now. `seq`: live messages go on after it. */
export type RoomState = {
  room: string;
  seq: number;
  /** The epoch matched, and everything after the client's `seq` follows. */
  recovered: boolean;
};

/** A message in a room's log. `time` is Unix milliseconds; `n` is there if its sender gave one. */
export type RoomMessage = {
  type: "message";
  room: string;
  seq: number;
  time: number;
  from: string;
  text: string;
  n?: number | undefined;
};

/** A file of the shared folder: `size` in bytes, `modified` in Unix milliseconds. */
export type FileInfo = { name: string; size: number; modified: number };

/** The server offers the file that was asked for. */
export type FileOffer = {
  type: "offer";
  transfer: number;
  name: string;
  size: number;
  modified: number;
  version: string;
  chunkBytes: number;
  udpPort: number;
  maxSegmentBytes: number;
  ref?: Ref | undefined;
};

/** Something did not happen; which optional fields are present depends on what. */
export type ErrorMessage = {
  type: "error";
  /** One of errors.ts; a client shows `message` for a code that it does not know. */
  code: string;
  message: string;
  /** The counter of the message that was refused. */
  n?: number | undefined;
  /** The request that was refused. */
  ref?: Ref | undefined;
  retryAfterMs?: number | undefined;
  /** The name or value in question. */
  subject?: string | undefined;
  /** The transfer that this ends. */
  transfer?: number | undefined;
};

/** Lines of a file transfer that a server sends (docs/transfer.md). */
export type TransferMessage =
  | FileOffer
  /** Prefix digests of chunks `from`, `from` + 1, …, 16 bytes each, base64. */
  | { type: "digests"; transfer: number; from: number; data: string }
  /** SHA-256 of the whole file, hexadecimal. */
  | { type: "digest"; transfer: number; sha256: string }
  | ErrorMessage;

/** What a server sends, one object a line. */
export type ServerMessage =
  | Welcome
  /**
   * All messages up to `n` are settled. `room` and `seq` are those of message `n`, if it was said
   * in a room.
   */
  | { type: "ack"; n: number; room?: string | undefined; seq?: number | undefined }
  | RoomMessage
  /**
   * Consecutive messages of one sender; `seq` and `n` are those of the first. Only for clients
   * that asked for `runs`.
   */
  | {
      type: "messages";
      room: string;
      seq: number;
      time: number;
      from: string;
      texts: readonly string[];
      n?: number | undefined;
    }
  | {
      type: "private";
      mail: number;
      time: number;
      from: string;
      to: readonly string[];
      text: string;
      chat?: boolean | undefined;
    }
  | { type: "joined"; room: string; name: string }
  | { type: "left"; room: string; name: string; reason: LeaveReason }
  /**
   * Once for every room that both are in; with `chat` and without `room`, the partner of a private
   * chat elsewhere.
   */
  | {
      type: "renamed";
      from: string;
      to: string;
      room?: string | undefined;
      chat?: boolean | undefined;
    }
  | { type: "chat"; state: ChatState; with: string }
  /** The answer to `join`; what was missed follows. */
  | ({ type: "entered"; epoch: string; ref?: Ref | undefined } & RoomState)
  /** The answer to `part`. */
  | { type: "parted"; room: string; ref?: Ref | undefined }
  | {
      type: "names";
      room: string;
      names: readonly string[];
      total: number;
      next?: string | undefined;
      ref?: Ref | undefined;
    }
  | {
      type: "rooms";
      rooms: readonly { room: string; members: number }[];
      next?: string | undefined;
      ref?: Ref | undefined;
    }
  | {
      type: "history";
      room: string;
      messages: readonly RoomMessage[];
      ref?: Ref | undefined;
    }
  | {
      type: "files";
      files: readonly FileInfo[];
      next?: string | undefined;
      ref?: Ref | undefined;
    }
  /** The answer to `rename`. */
  | { type: "name"; name: string; ref?: Ref | undefined }
  | TransferMessage
  | { type: "ping" }
  | { type: "pong"; ref?: Ref | undefined }
  /**
   * The server ends the connection. `replaced`: another connection with the same secret has taken
   * over.
   */
  | { type: "bye"; reason: string; code?: "replaced" | undefined };
