// The messages of the native protocol, version 2 (docs/protocol.md): what a client sends and what a server sends, as types.
// Server, terminal, page and file mover share them; encode.ts and decode.ts turn them into lines and back. Knows no hub.

/** The one version that is spoken. A `hello` with another one is answered by `error` `version`, and the connection ends. */
export const protocolVersion = 2;

/** Repeated in the answer to the request that carried it: an integer, or a string of at most 64 characters. */
export type Ref = string | number;

/** Why somebody left a room. `parted`: left this room, and is still there. */
export type LeaveReason = "quit" | "lost" | "slow" | "parted" | "replaced";

/** What happens to a private chat by consent. */
export type ChatState = "asked" | "invited" | "started" | "rejected" | "busy" | "left" | "lost";

/** A room, and the last `seq` of it that the client has seen; without `seq` the client wants nothing of the past. */
export type RoomPoint = { room: string; seq?: number };

export type Hello = {
  type: "hello";
  /** Absent: the session may only list and fetch files, ask `who` and `rooms`, and ping. */
  name?: string;
  /** 16 to 128 visible ASCII characters; the server makes one if absent. */
  secret?: string;
  /** The rooms to be in; absent: the lobby. At least one. */
  rooms?: readonly RoomPoint[];
  /** Epoch of the log that the `seq` and `mail` numbers are from. */
  epoch?: string;
  /** The last `mail` number that the client has seen. */
  mail?: number;
  /** The client takes consecutive messages of one sender in one `messages` line. */
  runs?: boolean;
};

/** Lines of a file transfer that a client sends (docs/transfer.md). */
export type TransferRequest =
  | {
      type: "fetch";
      name: string;
      /** 16 bytes, base64url: the unguessable name of the transfer in datagrams. Absent with `check`. */
      token?: string;
      /** A whole REQUEST datagram, base64, and the UDP address that the COOKIE told. */
      request?: string;
      address?: string;
      port?: number;
      /** Bytes that the client holds already. */
      held?: number;
      /** Only the digests, no data: to compare with a file that is there. */
      check?: boolean;
      ref?: Ref;
    }
  | { type: "fetched"; transfer: number };

/** What a client sends, one object a line. */
export type ClientMessage =
  | Hello
  /** To everybody in a room that the session is in. */
  | { type: "say"; room: string; text: string; n?: number }
  /** To the named people alone, wherever they are. To the partner of a private chat alone, it is part of that. */
  | { type: "tell"; to: readonly string[]; text: string; n?: number }
  | { type: "join"; room: string; seq?: number; epoch?: string; ref?: Ref }
  | { type: "part"; room: string; ref?: Ref }
  | { type: "who"; room: string; after?: string; ref?: Ref }
  | { type: "rooms"; after?: string; ref?: Ref }
  | { type: "rename"; name: string; ref?: Ref }
  | { type: "history"; room: string; before?: number; limit?: number; ref?: Ref }
  | { type: "invite"; to: string; ref?: Ref }
  | { type: "accept"; ref?: Ref }
  | { type: "reject"; ref?: Ref }
  | { type: "leave"; ref?: Ref }
  | { type: "files"; after?: string; limit?: number; ref?: Ref }
  | TransferRequest
  | { type: "ping"; ref?: Ref }
  | { type: "pong" }
  | { type: "bye" };

/** What `welcome` says of the server's bounds. */
export type ServerLimits = {
  lineBytes: number;
  textChars: number;
  nameChars: number;
  recipients: number;
  /** Rooms that one session can be in. */
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
  session?: {
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
  n?: number;
};

export type ListedFile = { name: string; size: number; modified: number };

/** Lines of a file transfer that a server sends (docs/transfer.md). */
export type TransferMessage =
  | {
      type: "offer";
      transfer: number;
      name: string;
      size: number;
      modified: number;
      version: string;
      chunkBytes: number;
      udpPort: number;
      maxSegmentBytes: number;
      ref?: Ref;
    }
  /** Prefix digests of chunks `from`, `from` + 1, …, 16 bytes each, base64. */
  | { type: "digests"; transfer: number; from: number; data: string }
  /** SHA-256 of the whole file, hexadecimal. */
  | { type: "digest"; transfer: number; sha256: string }
  /** The transfer is over. */
  | { type: "error"; code: string; message: string; transfer?: number; ref?: Ref };

/** What a server sends, one object a line. */
export type ServerMessage =
  | Welcome
  | { type: "ack"; n: number; room?: string; seq?: number }
  | {
      type: "error";
      code: string;
      message: string;
      n?: number;
      ref?: Ref;
      retryAfterMs?: number;
      /** The name or value that it is about. */
      subject?: string;
      /** A refused login: the name. */
      name?: string;
      transfer?: number;
    }
  | RoomMessage
  /** Consecutive messages of one sender; `seq` and `n` are those of the first. Only for who asked for `runs`. */
  | {
      type: "messages";
      room: string;
      seq: number;
      time: number;
      from: string;
      texts: readonly string[];
      n?: number;
    }
  | {
      type: "private";
      mail: number;
      time: number;
      from: string;
      to: readonly string[];
      text: string;
      chat?: boolean;
    }
  | { type: "joined"; room: string; name: string }
  | { type: "left"; room: string; name: string; reason: LeaveReason }
  /** Once for every room that both are in; with `chat` and without `room`, the partner of a private chat elsewhere. */
  | { type: "renamed"; from: string; to: string; room?: string; chat?: boolean }
  | { type: "chat"; state: ChatState; with: string }
  /** The answer to `join`; what was missed follows. */
  | ({ type: "entered"; epoch: string; ref?: Ref } & RoomState)
  /** The answer to `part`. */
  | { type: "parted"; room: string; ref?: Ref }
  | {
      type: "names";
      room: string;
      names: readonly string[];
      total: number;
      next?: string;
      ref?: Ref;
    }
  | {
      type: "rooms";
      rooms: readonly { room: string; members: number }[];
      next?: string;
      ref?: Ref;
    }
  | { type: "history"; room: string; messages: readonly RoomMessage[]; ref?: Ref }
  | { type: "files"; files: readonly ListedFile[]; next?: string; ref?: Ref }
  | { type: "name"; name: string; ref?: Ref }
  | Exclude<TransferMessage, { type: "error" }>
  | { type: "ping" }
  | { type: "pong"; ref?: Ref }
  /** The server ends the connection. `replaced`: another connection with the same secret has taken over. */
  | { type: "bye"; reason: string; code?: "replaced" };
