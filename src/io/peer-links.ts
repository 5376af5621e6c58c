// The sockets of `parley peer`: obeys a peer session's effects and feeds it what arrives. Knows nothing of turns or texts.

import { type Contact, hostPort } from "../cpp/codec.ts";
import { ParleyError } from "../errors.ts";
import { peer as limits } from "../limits.ts";
import type { ExitReason, PeerEffect } from "../cpp/peer-effect.ts";
import type { PeerSession } from "../cpp/peer-session.ts";
import { askRegistry, dial, Deadline } from "./dial.ts";
import { type Address, notOwnAddress, socketReason } from "./host-port.ts";
import { linkHandlers, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";

export type PeerLinksOptions = {
  registry: Address;
  /** Shows a line; answers undefined, or what to wait for before more is read from peers. */
  show: (said: Pick<PeerEffect & { do: "show" }, "line" | "notice">) => Promise<void> | undefined;
};

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #links = new Map<number, TcpLink>();
  readonly #closing = new Set<Promise<void>>();
  readonly #exit = Promise.withResolvers<ExitReason>();
  #session: PeerSession | undefined;
  #listener: Bun.TCPSocketListener<TcpLink> | undefined;
  #deadline: Deadline | undefined;
  #room: (() => void)[] = [];

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /**
   * Begins to listen and answers the port; callers are heard once a session runs.
   * @throws ParleyError `port-in-use` after S0's own sentence has been shown.
   */
  listen(host: string, port: number): number {
    try {
      this.#listener = Bun.listen<TcpLink>({
        hostname: host,
        port,
        exclusive: true,
        allowHalfOpen: true,
        socket: { ...linkHandlers, open: (socket) => this.#accept(socket) },
      });
    } catch (error) {
      const notOwn = notOwnAddress(host, error);
      const why = notOwn === undefined ? socketReason(error) : "no address of this machine";
      const reason = `${hostPort({ ip: host, port })}: ${why}`;
      const line = `Input socket setup failed: ${reason}`;
      this.#options.show({ line, notice: { event: "failed", what: "listen", reason: line } });
      if (notOwn !== undefined) throw notOwn;
      throw new ParleyError(
        "port-in-use",
        `cannot listen on ${reason}; choose another with --port or --host`,
      );
    }
    return this.#listener.port;
  }

  /** Runs a session to its end, the last words delivered. Answers why it ended. */
  async run(session: PeerSession): Promise<ExitReason> {
    this.#session = session;
    this.obey();
    const why = await this.#exit.promise;
    this.#listener?.stop();
    this.#deadline?.hurry(0);
    for (const link of this.#links.values()) link.end();
    await Promise.all(this.#closing);
    return why;
  }

  /** Does what the session wants now. To be called after each input that the session has got from elsewhere. */
  obey(): void {
    for (const effect of this.#session?.take() ?? []) this.#do(effect);
    if (!this.congested) for (const resume of this.#room.splice(0)) resume();
  }

  /** Whether peers take what is typed more slowly than it comes. */
  get congested(): boolean {
    let waiting = 0;
    for (const link of this.#links.values()) waiting += link.waitingBytes;
    return waiting > limits.maxWaitingBytes || (this.#session?.isFull ?? false);
  }

  /** Resolves when more may be typed. */
  room(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve) => this.#room.push(resolve));
  }

  #do(effect: PeerEffect): void {
    switch (effect.do) {
      case "show": {
        const relief = this.#options.show(effect);
        if (relief) this.#pauseUntil(relief);
        return;
      }
      case "ask":
        void this.#ask(effect.message);
        return;
      case "hurry":
        this.#deadline?.hurry(limits.hurryMs);
        return;
      case "dial":
        void this.#dial(effect.link, effect.contact);
        return;
      case "send":
        this.#links.get(effect.link)?.send(effect.text);
        return;
      case "close":
        this.#links.get(effect.link)?.end();
        this.#links.delete(effect.link);
        return;
      case "cut":
        this.#links.get(effect.link)?.cut();
        this.#links.delete(effect.link);
        return;
      case "exit":
        this.#exit.resolve(effect.why);
    }
  }

  async #ask(message: string): Promise<void> {
    const deadline = (this.#deadline = new Deadline(limits.requestTimeoutMs));
    const answer = await askRegistry(this.#options.registry, message, deadline);
    deadline.done();
    this.#session?.answered(answer);
    this.obey();
  }

  async #dial(number: number, contact: Contact): Promise<void> {
    const deadline = (this.#deadline = new Deadline(limits.requestTimeoutMs));
    const to = { host: contact.ip, port: contact.port };
    const outcome = await dial(to, deadline, {
      hears: (link) => this.#hold(number, link),
      opened: () => {
        this.#session?.dialled(number);
        this.obey();
      },
    });
    deadline.done();
    if (typeof outcome !== "string") return;
    this.#session?.dialFailed(
      number,
      `cannot reach ${contact.id} at ${hostPort(contact)}: ${outcome}`,
    );
    this.obey();
  }

  #accept(socket: Bun.Socket<TcpLink>): void {
    socket.data = new TcpLink();
    const number = this.#session?.accepted();
    if (number === undefined) socket.terminate();
    else socket.data.attach(socket, this.#hold(number, socket.data));
    // another caller may have had to go
    this.obey();
  }

  #hold(number: number, link: TcpLink): TcpLinkEvents {
    this.#links.set(number, link);
    const closed = link.closed.then(() => {
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
    let held: ReturnType<typeof setTimeout> | undefined;
    return {
      data: (bytes) => {
        clearTimeout(held);
        this.#session?.received(number, bytes);
        this.obey();
        if (!this.#session?.holding(number)) return;
        held = setTimeout(() => {
          this.#session?.expired(number);
          this.obey();
        }, limits.bareHoldMs);
      },
      ended: () => {
        clearTimeout(held);
        this.#session?.ended(number);
        this.obey();
      },
      drained: () => this.obey(),
    };
  }

  #pauseUntil(relief: Promise<void>): void {
    for (const link of this.#links.values()) link.pause(true);
    void relief.then(() => {
      for (const link of this.#links.values()) link.pause(false);
    });
  }
}
