// A user of the native protocol, on any host. Uses the version of the binary under test: version 1
// had one room per session and a flat welcome; everything here is in terms of version 2.

import type { Namespace } from "./namespace.ts";
import { chatPort } from "./server.ts";
import { SteadySocket } from "./steady-socket.ts";
import { until } from "./wait.ts";

export type Line = { [field: string]: unknown; type: string };

export type Login = {
  name?: string;
  secret?: string;
  room?: string;
  /** The last message seen. */
  seq?: number;
  mail?: number;
  epoch?: string;
  port?: number;
};

let version: 1 | 2 = 2;

export class Person {
  readonly #socket: SteadySocket;
  readonly lines: Line[] = [];
  readonly #handlers = new Set<(line: Line) => void>();
  #welcome: Line | undefined;
  #rest = "";
  #n = 0;

  private constructor(socket: SteadySocket) {
    this.#socket = socket;
  }

  /** Connects and sends hello. @throws if anything other than a welcome arrives */
  static async login(space: Namespace, address: string, login: Login): Promise<Person> {
    const person = await Person.hello(space, address, login);
    if (person.#welcome === undefined) {
      throw new Error(`${login.name} was not let in: ${JSON.stringify(person.lines)}`);
    }
    return person;
  }

  /** Connects, sends hello, and waits for the result. */
  static async hello(space: Namespace, address: string, login: Login): Promise<Person> {
    for (;;) {
      const person = await Person.connect(space, address, login.port);
      const spoken = version;
      person.send(helloLine(login));
      await person.until(
        () => person.#welcome !== undefined || person.isOver,
        "an answer to hello",
      );
      const first = person.lines.find(({ type }) => type === "error" || type === "welcome");
      if (first?.["code"] !== "version" || spoken === 1) return person;
      version = 1;
    }
  }

  /** Connects, and sends nothing yet. */
  static async connect(space: Namespace, address: string, port = chatPort): Promise<Person> {
    let take: (bytes: Buffer) => void = ignore;
    const socket = await SteadySocket.connect(space, address, port, (bytes) => take(bytes));
    const person = new Person(socket);
    take = (bytes) => person.#take(bytes);
    return person;
  }

  get isOver(): boolean {
    return this.hasEnded || this.lines.some(({ type }) => type === "error");
  }

  get hasEnded(): boolean {
    return this.#socket.hasEnded;
  }

  get receivedBytes(): number {
    return this.#socket.receivedBytes;
  }

  /** The data with which the next login resumes the session, without any position. */
  get credentials(): Login {
    const { name, secret, epoch } = this.#session;
    return { name: String(name), secret: String(secret), epoch: String(epoch), mail: 0 };
  }

  /** The first error so far. */
  get error(): Line | undefined {
    return this.lines.find(({ type }) => type === "error");
  }

  send(message: object): void {
    this.write(`${JSON.stringify(message)}\n`);
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Sends a message to a room, and waits until it is acknowledged. */
  async say(text: string, room?: string): Promise<void> {
    const n = ++this.#n;
    this.send({ type: "say", n, text, ...(version === 2 && room !== undefined ? { room } : {}) });
    await this.#acknowledged(n);
  }

  /** Sends a message to the lobby; returns `ack`, or the code of the refusal. */
  async trySay(text: string): Promise<string> {
    const n = this.#n + 1;
    const from = this.lines.length;
    this.send({ type: "say", n, text });
    const answer = (): Line | undefined =>
      this.lines.slice(from).find((line) => {
        if (line.type === "ack") return Number(line["n"]) >= n;
        return line.type === "error" && line["n"] === n;
      });
    await this.until(() => answer() !== undefined, `an answer to ${n}`);
    if (answer()?.type !== "ack") return String(answer()?.["code"]);
    this.#n = n;
    return "ack";
  }

  /** Sends a private message, and waits until it is acknowledged. */
  async tell(to: string, text: string): Promise<void> {
    const n = ++this.#n;
    this.send({ type: "tell", n, to: [to], text });
    await this.#acknowledged(n);
  }

  /** Waits for a matching line, and returns it. */
  async line(fits: (line: Line) => boolean, what: string, timeoutMs?: number): Promise<Line> {
    await this.until(() => this.lines.some(fits), what, timeoutMs);
    return this.lines.find(fits)!;
  }

  /** Calls `handle` for every line from now on; the returned function stops that. */
  onLine(handle: (line: Line) => void): () => void {
    this.#handlers.add(handle);
    return () => this.#handlers.delete(handle);
  }

  /** Texts of the messages of rooms so far. */
  get texts(): string[] {
    return this.lines.flatMap((line) => {
      if (line.type === "message") return [String(line["text"])];
      if (line.type === "messages") return (line["texts"] as string[]).map(String);
      return [];
    });
  }

  /**
   * The newest messages of a room, or the newest before a number. A client that reads megabytes
   * exceeds the rate and is told when to retry.
   */
  async history(room = "lobby", limit = 100, before?: number): Promise<Line[]> {
    for (;;) {
      const ref = `history-${this.lines.length}`;
      this.send({ type: "history", room, limit, ref, ...(before === undefined ? {} : { before }) });
      const answer = await this.line((line) => line["ref"] === ref, "the history");
      if (answer["type"] === "history") return answer["messages"] as Line[];
      if (answer["code"] !== "rate") throw new Error(`no history: ${JSON.stringify(answer)}`);
      await Bun.sleep(Number(answer["retryAfterMs"]));
    }
  }

  /** Milliseconds until a ping is answered. */
  async ping(timeoutMs?: number): Promise<number> {
    const ref = `ping-${performance.now()}`;
    const startedMs = performance.now();
    this.send({ type: "ping", ref });
    await this.line((line) => line["ref"] === ref, "a pong", timeoutMs);
    return performance.now() - startedMs;
  }

  /** Stops reading; incoming data waits at the server. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Cuts the connection silently, like a lost network. */
  cut(): void {
    this.#socket.cut();
  }

  async bye(): Promise<void> {
    this.send({ type: "bye" });
    await this.until(() => this.hasEnded, "the end of the connection");
  }

  async until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    await until(
      condition,
      () => `${what}; last heard: ${JSON.stringify(this.lines.slice(-5)).slice(0, 2000)}`,
      timeoutMs,
    );
  }

  get #session(): Line {
    const welcome = this.#welcome;
    if (welcome === undefined) throw new Error("There was no welcome");
    return version === 1 ? welcome : (welcome["session"] as Line);
  }

  async #acknowledged(n: number): Promise<void> {
    const isAck = (line: Line): boolean => line.type === "ack" && Number(line["n"]) >= n;
    await this.until(() => this.lines.some(isAck) || this.hasEnded, `the ack of ${n}`);
    if (this.hasEnded)
      throw new Error(`The connection ended: ${JSON.stringify(this.lines.at(-1))}`);
  }

  #take(bytes: Buffer): void {
    const parts = (this.#rest + bytes.toString("latin1")).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      // If the hello is late, a prompt for people precedes the welcome.
      const at = part.indexOf("{");
      if (at < 0) continue;
      const line = JSON.parse(Buffer.from(part.slice(at), "latin1").toString()) as Line;
      if (line.type === "welcome") {
        this.#welcome = line;
        if (line["session"] !== undefined || version === 1)
          this.#n = Number(this.#session["n"] ?? 0);
      }
      this.lines.push(line);
      for (const handle of this.#handlers) handle(line);
    }
  }
}

/** Which version the binary speaks; known after the first login. */
export function spokenVersion(): 1 | 2 {
  return version;
}

/** A hello of the binary's version. */
export function helloLine({ name, secret, room = "lobby", seq, mail, epoch }: Login): Line {
  const given = { name, secret, mail, epoch };
  const common = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const position = seq === undefined ? {} : { seq };
  if (version === 1) return { type: "hello", version, ...common, room, ...position };
  if (name === undefined) return { type: "hello", version, ...common };
  return { type: "hello", version, ...common, rooms: [{ room, ...position }] };
}

function ignore(): void {}
