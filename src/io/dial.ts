// Connecting, bounded in time: to a peer, or to a registry for one question and its answer.

import { CppParser } from "../cpp/parser.ts";
import type { Answer } from "../cpp/peer-session.ts";
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

/** Sends one request of CPP and waits for its answer. */
export async function askRegistry(
  registry: Address,
  message: string,
  deadline: Deadline,
): Promise<Answer> {
  const answer = Promise.withResolvers<Answer>();
  const parser = new CppParser();
  const hears = {
    data: (bytes: Uint8Array) => {
      parser.push(bytes);
      const result = parser.next();
      if (result.kind === "message") answer.resolve({ message: result.message });
      if (result.kind === "malformed") {
        answer.resolve({ failed: `the registry's answer is not CPP (${result.reason})` });
      }
    },
    ended: () => answer.resolve({ failed: "the registry ended the connection without an answer" }),
  };
  const link = await dial(registry, deadline, { hears: () => hears });
  const where = `${registry.host}:${registry.port}`;
  if (typeof link === "string") return { failed: `cannot connect to ${where}: ${link}` };
  link.send(message);
  const late = deadline.lost.then((): Answer => ({ failed: `${where} did not answer in time` }));
  const outcome = await Promise.race([answer.promise, late]);
  link.end();
  return outcome;
}
