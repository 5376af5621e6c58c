// The native protocol in WebSocket frames: a Link over Bun's ServerWebSocket. Knows lines, not
// their meaning.

import type { ServerWebSocket } from "bun";
import type { Link } from "../../chat/link.ts";
import type { Peer } from "../../chat/dialect.ts";
import type { ReadingTurns } from "../reading-turns.ts";
import { message as messageLimits, reading, web } from "../../limits.ts";
import { ownerAt, type ShareOwner } from "../../share-owner.ts";

/** The hub's side of a connection. */
export interface WebSession {
  /** One line, without its line end. */
  receive(line: string): void;
  /** A blank line or a frame without lines. False once there were too many. */
  receiveEmpty(): boolean;
  /** How many characters of frames it has passed on so far. */
  passedChars(): number;
  /** A line exceeds the limit; the hub answers and closes the connection. */
  overflow(): void;
  /** The link accepts output again. */
  drained(): void;
  /**
   * The client has closed the connection. Whether lines that it has sent before have yet to be
   * carried out; the session then ends the link itself.
   */
  isBusyAtEnd(): boolean;
  /** The connection has closed; nothing may be written any more. */
  closed(): void;
}

/** Byte counters. */
export type Traffic = { receivedBytes: number; sentBytes: number };

/** A connection's place among those of its owner (server/admission.ts). */
export type Place = {
  /** Returns the owner that it counts for from then on. */
  move(from: ShareOwner, to: ShareOwner): ShareOwner;
  /** The connection has closed. */
  leave(owner: ShareOwner): void;
};

/** Passes a new connection to the hub. */
export type Connect = (link: Link, peer: Peer) => WebSession;

/** A connection of a browser or bot; Bun stores it as the socket's `data`. */
export class SocketLink implements Link {
  readonly peer: Peer;
  #socket: ServerWebSocket<SocketLink> | undefined;
  #session: WebSession | undefined;
  readonly #traffic: Traffic;
  readonly #place: Place;
  readonly #turns: ReadingTurns | undefined;
  #owner: ShareOwner;
  /** Frames that wait for the connection's turn. */
  readonly #unread: string[] = [];
  #unreadBytes = 0;
  #isFull = false;
  #isEnding = false;

  /** Without `turns`, input is read as it arrives. */
  constructor(peer: Peer, traffic: Traffic, place: Place, turns?: ReadingTurns) {
    this.#turns = turns;
    this.peer = peer;
    this.#traffic = traffic;
    this.#place = place;
    this.#owner = ownerAt(peer.address);
  }

  belongsTo(owner: ShareOwner): void {
    this.#owner = this.#place.move(this.#owner, owner);
  }

  opened(socket: ServerWebSocket<SocketLink>, connect: Connect): void {
    this.#socket = socket;
    this.#session = connect(this, this.peer);
  }

  write(bytes: Uint8Array): number {
    const socket = this.#socket;
    if (socket === undefined || this.#isEnding) return bytes.length;
    if (this.#isFull) return 0;
    for (let from = 0; from < bytes.length;) {
      const frame = bytes.subarray(from, from + frameLength(bytes, from));
      // Text frames, as the protocol requires. -1: accepted, but wait for `drain`; 0: the
      // connection has closed.
      const sent = socket.sendText(decoder.decode(frame));
      if (sent === 0) return bytes.length;
      this.#traffic.sentBytes += frame.length;
      from += frame.length;
      this.#isFull = sent === -1;
      if (this.#isFull) return from;
    }
    return bytes.length;
  }

  end(): void {
    const socket = this.#socket;
    if (socket === undefined) return this.#leave();
    if (this.#isEnding) return;
    this.#isEnding = true;
    socket.close(1000);
    setTimeout(() => this.abort(), web.socketCloseMs).unref();
  }

  abort(): void {
    this.#isEnding = true;
    this.#unread.length = 0;
    this.#unreadBytes = 0;
    if (this.#socket === undefined) this.#leave();
    else this.#socket.terminate();
  }

  /** A ping or pong from the client. Bun answers pings. */
  receivedControl(): void {
    this.#receiveEmpty();
  }

  /** A frame from the client: one or more lines. */
  received(frame: string | Buffer): void {
    if (typeof frame !== "string") {
      this.#socket?.close(1003, "text frames only");
      return;
    }
    const bytes = Buffer.byteLength(frame);
    this.#traffic.receivedBytes += bytes;
    if (this.#turns === undefined) return void this.#take(frame);
    this.#unreadBytes += bytes + 1;
    if (this.#unreadBytes > reading.maxUnreadBytes) return this.abort();
    if (this.#unread.push(frame) === 1) this.#turns.read(this.#owner, this);
  }

  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** Reads the next waiting frame; frames of files hardly count (chat-connection.ts). */
  readSome(mayReadOn?: () => boolean): number {
    const frame = this.#unread.shift();
    if (frame === undefined) return 0;
    const passedChars = this.#session?.passedChars() ?? 0;
    const rest = this.#take(frame, mayReadOn);
    if (rest !== "") this.#unread.unshift(rest);
    const restBytes = rest === "" ? 0 : Buffer.byteLength(rest) + 1;
    const bytes = Buffer.byteLength(frame) + 1 - restBytes;
    this.#unreadBytes -= bytes;
    const passed = (this.#session?.passedChars() ?? 0) - passedChars;
    if (this.#socket === undefined) this.#leaveIfDone();
    return bytes - passed * (1 - 1 / reading.frameDivisor);
  }

  /** Takes lines while `mayReadOn`; returns the others. */
  #take(frame: string, mayReadOn = always): string {
    if (frame === "") this.#receiveEmpty();
    let from = 0;
    while (from < frame.length && !this.#isEnding) {
      if (from > 0 && !mayReadOn()) return frame.slice(from);
      const end = frame.indexOf("\n", from);
      const to = end < 0 ? frame.length : end;
      const line = frame.slice(from, to > from && frame[to - 1] === "\r" ? to - 1 : to);
      from = to + 1;
      if (isTooLong(line)) {
        this.#session?.overflow();
        return "";
      }
      if (line === "") this.#receiveEmpty();
      else this.#session?.receive(line);
    }
    return "";
  }

  /** Aborts a flood in the middle of a read, which may contain 90 000 frames. */
  #receiveEmpty(): void {
    if (this.#session?.receiveEmpty() === false) this.abort();
  }

  drained(): void {
    this.#isFull = false;
    this.#session?.drained();
  }

  /** The connection has closed. What the client sent before is still read, in its turn. */
  closed(): void {
    this.#socket = undefined;
    this.#isFull = false;
    if (this.#isEnding) this.#unread.length = 0;
    this.#leaveIfDone();
  }

  /** Leaves, unless something that the client sent before it closed has yet to be carried out. */
  #leaveIfDone(): void {
    if (this.hasUnread) return;
    if (this.#isEnding || this.#session?.isBusyAtEnd() !== true) this.#leave();
  }

  #leave(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.#unread.length = 0;
    session.closed();
    this.#place.leave(this.#owner);
  }
}

const decoder = new TextDecoder();
const always = (): boolean => true;

/**
 * Length of the next frame, starting at `from`: whole lines, about `outFrameBytes`, at least one
 * line.
 */
function frameLength(bytes: Uint8Array, from: number): number {
  const rest = bytes.length - from;
  if (rest <= web.outFrameBytes) return rest;
  const end = bytes.lastIndexOf(0x0a, from + web.outFrameBytes);
  if (end >= from) return end + 1 - from;
  const next = bytes.indexOf(0x0a, from + web.outFrameBytes);
  return next < 0 ? rest : next + 1 - from;
}

function isTooLong(line: string): boolean {
  const { maxLineBytes } = messageLimits;
  // A UTF-16 code unit takes at most three bytes, so short lines need no counting.
  return line.length * 3 > maxLineBytes && Buffer.byteLength(line) > maxLineBytes;
}
