// Opens a TCP connection within a deadline, with TLS if the server's key is to be verified.

import { channelBinding } from "../tls/channel-binding.ts";
import { noAuthority } from "../tls/no-authority.ts";
import { onlyTls13 } from "../tls/versions.ts";
import { connectReason } from "./connect-reason.ts";
import type { ServerAddress } from "./host-port.ts";
import { linkHandlers, type PeerSocket, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";

/** Expires once, after a time that can be shortened. */
export class Deadline {
  #timer: ReturnType<typeof setTimeout>;
  readonly #expired = Promise.withResolvers<"timed out">();
  #isExpired = false;

  constructor(timeoutMs: number) {
    this.#timer = this.#start(timeoutMs);
  }

  get isExpired(): boolean {
    return this.#isExpired;
  }

  get expired(): Promise<"timed out"> {
    return this.#expired.promise;
  }

  /** Expires this long from now at the latest. */
  shorten(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(timeoutMs);
  }

  #start(timeoutMs: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#isExpired = true;
      this.#expired.resolve("timed out");
    }, timeoutMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

export type Dialler = {
  /** Returns the handlers for the link's events; called before anything can arrive on it. */
  events: (link: TcpLink) => TcpLinkEvents;
  /** Called when data can be sent on the link. */
  opened?: () => void;
};

/**
 * Returns an open link, or the reason why there is none; if the server is not trusted, `to.trust`
 * has the error too. Never rejects.
 */
export async function dial(
  to: ServerAddress,
  deadline: Deadline,
  dialler: Dialler,
): Promise<TcpLink | string> {
  const link = new TcpLink();
  const settled = Promise.withResolvers<TcpLink | string>();
  let late = false;
  let opening: PeerSocket | undefined;
  const open = (socket: PeerSocket) => {
    if (late) return void socket.terminate();
    const channel = to.trust === undefined ? undefined : channelBinding(socket);
    link.attach(socket, dialler.events(link), channel);
    dialler.opened?.();
    settled.resolve(link);
  };
  const steps = {
    opening: (socket: PeerSocket) => {
      opening = socket;
      if (late) socket.terminate();
    },
    open,
    fail: settled.resolve,
  };
  void connect(to, link, steps);
  const outcome = await Promise.race([settled.promise, deadline.expired]);
  late = typeof outcome === "string";
  if (late) opening?.terminate();
  return outcome;
}

type Steps = {
  /** A TCP connection is open; its TLS handshake is yet to come. */
  opening: (socket: PeerSocket) => void;
  /** Data may be sent. */
  open: (socket: PeerSocket) => void;
  fail: (reason: string) => void;
};

/** Never rejects. */
async function connect(
  { host, port, trust }: ServerAddress,
  link: TcpLink,
  { opening, open, fail }: Steps,
): Promise<void> {
  const secured = {
    // Bun 1.4.5 ignores `checkServerIdentity`, and `authorized` does not cover pins, so nothing is
    // written until `judge` has checked the key.
    tls: { rejectUnauthorized: false, ca: noAuthority, secureOptions: onlyTls13 },
    socket: {
      ...linkHandlers,
      open: opening,
      handshake(socket: PeerSocket, _: boolean, error: Error | null) {
        const problem = trust?.judge(socket, error);
        if (problem === undefined) return open(socket);
        fail(problem);
        socket.terminate();
      },
      close(socket: PeerSocket) {
        // In case no handshake result was reported.
        fail("the connection was closed during the TLS handshake");
        socket.data.gone();
      },
    },
  };
  const way = trust === undefined ? { socket: { ...linkHandlers, open } } : secured;
  const startedMs = performance.now();
  try {
    await Bun.connect<TcpLink>({
      hostname: host,
      port,
      allowHalfOpen: true,
      data: link,
      ...way,
    });
  } catch (error) {
    fail(await connectReason(error, host, performance.now() - startedMs));
  }
}
