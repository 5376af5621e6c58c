// Opens a TCP connection within a deadline.

import { type Address, socketReason } from "./host-port.ts";
import { linkHandlers, type PeerSocket, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";

/** Expires once, after a time that can be shortened. */
export class Deadline {
  #timer: ReturnType<typeof setTimeout>;
  readonly #expired = Promise.withResolvers<"timed out">();

  constructor(timeoutMs: number) {
    this.#timer = setTimeout(() => this.#expired.resolve("timed out"), timeoutMs);
  }

  get expired(): Promise<"timed out"> {
    return this.#expired.promise;
  }

  /** Expires this long from now at the latest. */
  shorten(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expired.resolve("timed out"), timeoutMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

export type Dialler = {
  /** Returns the handlers of the link's events; called before anything can arrive on it. */
  events: (link: TcpLink) => TcpLinkEvents;
  /** Called when the link is open for sending. */
  opened?: () => void;
};

/** Returns an open link, or the reason why there is none. Never rejects. */
export async function dial(
  to: Address,
  deadline: Deadline,
  dialler: Dialler,
): Promise<TcpLink | string> {
  const link = new TcpLink();
  let late = false;
  const open = (socket: PeerSocket) => {
    if (late) return void socket.terminate();
    link.attach(socket, dialler.events(link));
    dialler.opened?.();
  };
  const connect = async () => {
    try {
      const socket = { ...linkHandlers, open };
      await Bun.connect<TcpLink>({
        hostname: to.host,
        port: to.port,
        allowHalfOpen: true,
        data: link,
        socket,
      });
      return link;
    } catch (error) {
      return socketReason(error);
    }
  };
  const outcome = await Promise.race([connect(), deadline.expired]);
  late = typeof outcome === "string";
  return outcome;
}
