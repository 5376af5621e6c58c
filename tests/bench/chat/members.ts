// Connections of a load generator. They count bytes; only one of them is inspected, so that a
// thousand are cheap.

import type { Wire } from "./wires.ts";

export type Member = {
  socket: Bun.Socket<Member>;
  name: string;
  joined: boolean;
  bytes: number;
  closed: boolean;
  /** Data that the system has not accepted yet. */
  pending: string;
  onData: ((bytes: Buffer) => void) | undefined;
  onDrain: (() => void) | undefined;
  whenClosed: () => void;
};

/** How a server starts TLS: immediately, or after a greeting in plain text. */
export type Tls = "first" | "after-greeting";

/** Where the server is, and how its connections begin; `tls` absent: plain text. */
export type Door = { port: number; tls?: Tls | undefined };

/**
 * Connects and joins `count` members, `atOnce` of them at a time; resolves when all receive their
 * room's messages.
 */
export async function joinMembers(
  wire: Wire,
  door: Door,
  count: number,
  room: (i: number) => string,
  atOnce = 50,
): Promise<Member[]> {
  const members: Member[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, count - from) }, (_, i) =>
      joinOne(wire, door, memberName(from + i), room(from + i)),
    );
    members.push(...(await Promise.all(group)));
  }
  return members;
}

export function memberName(i: number): string {
  return `u${String(i).padStart(5, "0")}`;
}

export async function joinOne(wire: Wire, door: Door, name: string, room: string): Promise<Member> {
  const member = await connect(door, name);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  member.whenClosed = () => reject(new Error(`${name} was turned away: ${said.slice(-200)}`));
  let said = "";
  member.onData = (bytes) => {
    // The end of the received data suffices to find the word; a crowd's greetings are not kept.
    said = said.slice(-64) + Buffer.from(bytes).toString("latin1");
    const ping = /PING :(\S+)/.exec(said);
    if (ping !== null && !member.joined) send(member, `PONG :${ping[1]}\r\n`);
    if (!said.includes(wire.joined)) return;
    member.joined = true;
    member.onData = undefined;
    member.whenClosed = () => {};
    resolve();
  };
  send(member, wire.join(name, room));
  await promise;
  return member;
}

export async function connect({ port, tls }: Door, name: string): Promise<Member> {
  const data: Omit<Member, "socket"> = {
    name,
    joined: false,
    bytes: 0,
    closed: false,
    pending: "",
    onData: undefined,
    onDrain: undefined,
    whenClosed: () => {},
  };
  // `socket` is set below, before anything can arrive.
  const member = data as Member;
  const opened = Promise.withResolvers<void>();
  member.whenClosed = () => opened.reject(new Error(`${name} was not let in`));
  const handlers = handlersOf(() => opened.resolve());
  const place = { hostname: "127.0.0.1", port, data: member };
  if (tls === "first") {
    member.socket = await Bun.connect<Member>({ ...place, tls: anyKey, socket: handlers });
  } else if (tls === "after-greeting") {
    const plain = await greeted(place);
    const [, secure] = plain.upgradeTLS<Member>({ data: member, tls: anyKey, socket: handlers });
    member.socket = secure;
  } else {
    member.socket = await Bun.connect<Member>({ ...place, socket: handlers });
    opened.resolve();
  }
  await opened.promise;
  member.whenClosed = () => {};
  return member;
}

const anyKey = { rejectUnauthorized: false };

function handlersOf(secured: () => void): Bun.SocketHandler<Member> {
  return {
    handshake: secured,
    data({ data }, bytes) {
      data.bytes += bytes.length;
      data.onData?.(bytes);
    },
    drain({ data }) {
      const rest = data.pending;
      data.pending = "";
      if (rest !== "") send(data, rest);
      if (data.pending === "") data.onDrain?.();
    },
    close({ data }) {
      data.closed = true;
      data.whenClosed();
    },
    error() {},
  };
}

/** A connection whose server has sent a line. */
async function greeted(place: {
  hostname: string;
  port: number;
  data: Member;
}): Promise<Bun.Socket<Member>> {
  const heard = Promise.withResolvers<void>();
  const socket = await Bun.connect<Member>({
    ...place,
    socket: {
      data: (_socket, bytes) => void (bytes.includes(0x0a) && heard.resolve()),
      close: () => heard.reject(new Error("The server says nothing")),
      error() {},
    },
  });
  await heard.promise;
  return socket;
}

/** Sends ASCII; false when the system accepts no more at the moment and the rest is queued. */
export function send(member: Member, text: string): boolean {
  if (member.pending !== "") {
    member.pending += text;
    return false;
  }
  const written = member.socket.write(text);
  if (written < text.length) member.pending = text.slice(Math.max(0, written));
  return member.pending === "";
}
