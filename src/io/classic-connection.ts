// The connections of `parley classic`: over TCP, where each send is a message, and over UDP, where
// each request gets one answer. Bounded in time and memory; knows no dialect.

import { ParleyError } from "../errors.ts";
import { classicClient as limits } from "../limits.ts";
import { dial, Deadline } from "./dial.ts";
import { type Address, hostPortText, notConnected, socketReason } from "./host-port.ts";
import type { TcpLink } from "./tcp-link.ts";
import { UdpPort } from "./udp/udp.ts";

export class ClassicTcp {
  readonly #decoder = new TextDecoder();
  #link: TcpLink | undefined;
  #received: string[] = [];
  #ended = false;
  #waiting: (() => void) | undefined;
  #nextSendMs = 0;
  /** When something was last sent or received. */
  #activeMs = performance.now();

  private constructor() {}

  /** @throws ParleyError `cannot-connect` */
  static async connect(to: Address): Promise<ClassicTcp> {
    const connection = new ClassicTcp();
    const deadline = new Deadline(limits.connectTimeoutMs);
    const link = await dial(to, deadline, {
      events: () => ({
        data: (bytes) => connection.#take(bytes),
        ended: () => connection.#finish(),
      }),
    });
    deadline.cancel();
    if (typeof link === "string") throw cannotConnect(to, link);
    connection.#link = link;
    return connection;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Milliseconds since something was last sent or received. */
  get quietMs(): number {
    return performance.now() - this.#activeMs;
  }

  /**
   * Sends one message, with a pause since the last one, because servers treat each read as a
   * message.
   */
  async send(text: string): Promise<void> {
    const waitMs = this.#nextSendMs - performance.now();
    this.#nextSendMs = Math.max(this.#nextSendMs, performance.now()) + limits.sendGapMs;
    if (waitMs > 0) await Bun.sleep(waitMs);
    if (!this.#ended) this.#link?.send(text);
    this.#activeMs = performance.now();
  }

  /** Waits for the next read; undefined when the connection has closed. */
  async receive(): Promise<string | undefined> {
    while (this.#received.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
    const text = this.#received.shift();
    if (this.#received.length < limits.maxUnreadMessages) this.#link?.resume();
    return text;
  }

  /** The same with a timeout. @throws ParleyError `stalled` */
  async receiveInTime(): Promise<string | undefined> {
    const late = Symbol("late");
    const outcome = await Promise.race([
      this.receive(),
      Bun.sleep(limits.answerTimeoutMs).then(() => late),
    ]);
    if (typeof outcome !== "symbol") return outcome;
    throw new ParleyError("stalled", `No answer for ${limits.answerTimeoutMs / 1000} s: try again`);
  }

  /** Closes the connection once everything has been sent. */
  async end(): Promise<void> {
    this.#finish();
    this.#link?.end();
    await this.#link?.closed;
  }

  #take(bytes: Uint8Array): void {
    this.#activeMs = performance.now();
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    this.#received.push(text);
    if (this.#received.length >= limits.maxUnreadMessages) this.#link?.pause();
    this.#wake();
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

export class ClassicUdp {
  /** The one in use. */
  address = "";
  readonly port: number;
  /** Further addresses of the name: the server may listen on one of them only. */
  readonly #others: string[];
  #udp: UdpPort | undefined;
  /** Called with the answer, or with undefined if the port is closed. */
  #answer: ((text: string | undefined) => void) | undefined;
  /** The last request was repeated: further answers to it may arrive. */
  #isRepeated = false;

  private constructor(addresses: readonly string[], port: number) {
    this.#others = [...addresses];
    this.port = port;
  }

  /** @throws ParleyError `cannot-connect` if the host is unknown. */
  static async open(to: Address): Promise<ClassicUdp> {
    const made = new ClassicUdp(await numericAddresses(to), to.port);
    await made.#tryNext("no address");
    return made;
  }

  /**
   * Goes on to the next address. `reason`: why not at this one.
   * @throws ParleyError `cannot-connect` if there is no other
   */
  async #tryNext(reason: string): Promise<void> {
    const next = this.#others.shift();
    if (next === undefined) throw cannotConnect(this.#to, reason);
    this.address = next;
    try {
      await this.#openPort();
    } catch (error) {
      await this.#tryNext(socketReason(error));
    }
  }

  /**
   * At a new port, which gets no answers to earlier requests.
   * @throws ParleyError `cannot-connect`
   */
  async #openAgain(): Promise<void> {
    try {
      await this.#openPort();
    } catch (error) {
      throw cannotConnect(this.#to, socketReason(error));
    }
  }

  async #openPort(): Promise<void> {
    this.#udp?.close();
    this.#udp = await UdpPort.open({
      connect: { host: this.address, port: this.port },
      offload: false,
      onDatagrams: (bytes) => this.#settle(new TextDecoder().decode(bytes)),
      onRefused: () => this.#settle(undefined),
    });
  }

  /**
   * Sends a request, repeats it until an answer arrives, and returns the answer.
   * @throws ParleyError `cannot-connect` if the port is closed, `stalled` if nothing answers.
   */
  async ask(request: string): Promise<string> {
    const bytes = new TextEncoder().encode(request);
    if (this.#isRepeated) await this.#openAgain();
    for (let attempt = 0; attempt < limits.datagramAttempts; attempt++) {
      const { promise, resolve } = Promise.withResolvers<string | undefined | null>();
      this.#answer = resolve;
      const timer = setTimeout(() => resolve(null), limits.datagramTimeoutMs);
      this.#isRepeated = attempt > 0;
      this.#udp?.send(bytes, bytes.length);
      const answer = await promise;
      clearTimeout(timer);
      if (answer === undefined) {
        await this.#tryNext("connection refused");
        // The first attempt there.
        attempt = -1;
      } else if (answer !== null) return answer;
    }
    const seconds = (limits.datagramAttempts * limits.datagramTimeoutMs) / 1000;
    throw new ParleyError(
      "stalled",
      `${hostPortText({ host: this.address, port: this.port })} (udp) did not answer within ${seconds} s: is it the right port?`,
    );
  }

  close(): void {
    this.#udp?.close();
  }

  get #to(): Address {
    return { host: this.address, port: this.port };
  }

  #settle(text: string | undefined): void {
    this.#answer?.(text);
    this.#answer = undefined;
  }
}

async function numericAddresses(to: Address): Promise<readonly string[]> {
  try {
    const found = await Bun.dns.lookup(to.host);
    if (found.length > 0) return found.map(({ address }) => address);
    throw new Error("no address");
  } catch (error) {
    throw cannotConnect(to, socketReason(error));
  }
}

function cannotConnect(to: Address, reason: string): ParleyError {
  const hint = "Is parley server --classic running there?";
  return notConnected(to, reason, hint);
}
