// Opening a TCP connection, bounded in time.

import { type Address, socketReason } from "./host-port.ts";
import { linkHandlers, type PeerSocket, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";

/** Ends what takes too long, and sooner when somebody is in a hurry. */
export class Deadline {
  #timer: ReturnType<typeof setTimeout>;
  readonly #lost = Promise.withResolvers<"timed out">();

  constructor(timeoutMs: number) {
    this.#timer = setTimeout(() => this.#lost.resolve("timed out"), timeoutMs);
  }

  get lost(): Promise<"timed out"> {
    return this.#lost.promise;
  }

  /** At most this long from now. */
  hurry(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost.resolve("timed out"), timeoutMs);
  }

  done(): void {
    clearTimeout(this.#timer);
  }
}

export type Dialler = {
  /** What hears the link; asked for before anything can arrive on it. */
  hears: (link: TcpLink) => TcpLinkEvents;
  /** The link stands: sends leave from now on. */
  opened?: () => void;
};

/** An open link, or why there is none. Never rejects. */
export async function dial(
  to: Address,
  deadline: Deadline,
  dialler: Dialler,
): Promise<TcpLink | string> {
  const link = new TcpLink();
  let late = false;
  const open = (socket: PeerSocket) => {
    if (late) return void socket.terminate();
    link.attach(socket, dialler.hears(link));
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
  const outcome = await Promise.race([connect(), deadline.lost]);
  late = typeof outcome === "string";
  return outcome;
}
