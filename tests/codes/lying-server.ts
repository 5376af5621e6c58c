// A server that relays codes like a real one, and lies where a test wants it to.

import { LineSplitter } from "../../src/line-splitter.ts";

type Message = { type: string; [field: string]: unknown };
type End = { name: "sender" | "guest"; id: string; write: (message: Message) => void };

export type Lies = {
  /** Replaces a frame for that end with the returned frames. */
  frame?: (data: string, to: "sender" | "guest") => readonly string[];
};

export class LyingServer implements Disposable {
  /** The frames as received, with their sender. */
  readonly seen: { from: "sender" | "guest"; data: string }[] = [];
  readonly #listener: Bun.TCPSocketListener<LineSplitter>;
  readonly #ends = new Map<"sender" | "guest", End>();
  readonly #lies: Lies;
  #channel = 0;
  #number: number | undefined;
  readonly #sockets = new Set<{ end(): void }>();

  constructor(lies: Lies = {}) {
    this.#lies = lies;
    this.#listener = Bun.listen<LineSplitter>({
      hostname: "127.0.0.1",
      port: 0,
      data: new LineSplitter(1_000_000),
      socket: {
        open: (socket) => {
          this.#sockets.add(socket);
          socket.data = new LineSplitter(1_000_000);
        },
        data: (socket, bytes) => {
          const write = (message: Message): void =>
            void socket.write(`${JSON.stringify(message)}\n`);
          socket.data.push(bytes, (line) => {
            this.#handle(JSON.parse(line) as Message, write);
            return true;
          });
        },
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Sends a message that no end has caused. */
  tell(to: "sender" | "guest", message: Message): void {
    const end = this.#ends.get(to);
    end?.write({ ...message, offer: end.id });
  }

  pass(to: "sender" | "guest", data: string): void {
    this.tell(to, { type: "passed", channel: this.#channel, data });
  }

  /** Opens another channel between the same two ends. */
  openChannel(): void {
    this.#channel++;
    for (const { name } of this.#ends.values()) {
      this.tell(name, { type: "channel", channel: this.#channel, with: "" });
    }
  }

  /** Drops all connections, and uses another number for the code from then on. */
  restartAs(number: number): void {
    this.#number = number;
    for (const socket of this.#sockets) socket.end();
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
  }

  #handle(message: Message, write: End["write"]): void {
    const { type, ref, offer, number } = message;
    if (type === "hello") return write(welcome);
    if (type === "ping") return write({ type: "pong", ref });
    if (type === "open-code") {
      this.#ends.set("sender", { name: "sender", id: String(offer), write });
      write({ type: "code-opened", offer, number: this.#number ?? number ?? 7, ref });
    } else if (type === "join-code") {
      this.#ends.set("guest", { name: "guest", id: String(offer), write });
      write({ type: "code-joined", offer, here: true, ref });
      this.openChannel();
    } else if (type === "pass") this.#pass(String(offer), String(message["data"]));
    else if (type === "end-files") {
      for (const end of this.#ends.values()) {
        if (end.id !== offer)
          this.tell(end.name, { type: "offer-ended", reason: message["reason"] });
      }
    }
  }

  #pass(id: string, data: string): void {
    const from = this.#ends.get("sender")?.id === id ? "sender" : "guest";
    const to = from === "sender" ? "guest" : "sender";
    this.seen.push({ from, data });
    for (const frame of this.#lies.frame?.(data, to) ?? [data]) this.pass(to, frame);
  }
}

const welcome: Message = {
  type: "welcome",
  version: 2,
  server: "liar",
  udpPort: 1,
  codes: true,
  limits: {
    lineBytes: 131_072,
    textChars: 1,
    nameChars: 1,
    recipients: 1,
    rooms: 1,
    messagesPerSecond: 0,
    burstSeconds: 1,
  },
};
