// How much a store keeps, and how long.

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
  /** Messages in one mailbox; it is trimmed after up to an eighth more. */
  mailMessages: number;
  /** Rooms whose logs are kept. */
  rooms: number;
  /** Sessions; beyond that, those unseen for longest are dropped. */
  sessions: number;
  /** How long after a session was last seen it is dropped together with its mailbox. */
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
