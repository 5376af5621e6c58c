// How much a store keeps, and for how long.

import { history as limits } from "../limits.ts";

/** The server's values are in limits.ts; tests use smaller ones. Ages are in milliseconds. */
export type Retention = {
  /** Messages of one room. */
  messages: number;
  /** Bytes of one room (memory only). */
  roomBytes: number;
  /** Bytes of all rooms (memory only). */
  totalBytes: number;
  /** Bytes of all mailboxes (memory only). */
  mailBytes: number;
  /** Bytes in use of a data file (disk only). */
  fileBytes: number;
  /** Age of a message, in a room or in a mailbox. */
  maxAgeMs: number;
  /** Messages in one mailbox; up to an eighth more until it is trimmed. */
  mailMessages: number;
  /** Rooms whose log is kept. */
  rooms: number;
  /** Sessions; past that, the ones unseen for longest are dropped. */
  sessions: number;
  /** Time after a session was last seen until it is dropped with its mailbox. */
  sessionAgeMs: number;
  /** The same for a session that said goodbye. */
  goodbyeAgeMs: number;
};

export function defaultRetention(kind: "memory" | "disk"): Retention {
  return {
    messages: kind === "memory" ? limits.memoryMessages : limits.diskMessages,
    roomBytes: limits.memoryRoomBytes,
    totalBytes: limits.memoryBytes,
    mailBytes: limits.memoryMailBytes,
    fileBytes: limits.diskBytes,
    maxAgeMs: limits.maxAgeMs,
    mailMessages: limits.mailMessages,
    rooms: kind === "memory" ? limits.maxRooms : limits.diskRooms,
    sessions: limits.maxSessions,
    sessionAgeMs: limits.resumeMs,
    goodbyeAgeMs: limits.goodbyeMs,
  };
}
