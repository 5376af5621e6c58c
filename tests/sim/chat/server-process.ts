// The server as a process in virtual time: the real hub, driven like by the real driver, with byte
// streams for connections. It can be paused, and killed; then only the store's contents remain.

import { hubOptions } from "../../chat/hub-options.ts";
import { Hub } from "../../../src/chat/hub.ts";
import type { DoorOptions } from "../../../src/chat/login/door-options.ts";
import type { Link } from "../../../src/chat/link.ts";
import type { Rates } from "../../../src/chat/rates/rate-budget.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import type { Rights } from "../../../src/chat/rights/rights.ts";
import type { Session } from "../../../src/chat/session.ts";
import type { StoreAnswerer } from "../../../src/chat/turn/store.ts";
import { shutdown } from "../../../src/limits.ts";
import { LineSplitter } from "../../../src/line-splitter.ts";
import type { OtherServers } from "../../../src/store/open-store.ts";
import { Lifetime } from "./lifetime.ts";
import { ProcessClock } from "./machine-clock.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** The share of turns in which the server is busy, and for how long, in milliseconds. */
const busyShare = 0.1;
const busyMs = 20;

/** The store of the process. */
export type Backing = {
  readonly epoch: string;
  readonly answer: StoreAnswerer;
  readonly others?: OtherServers | undefined;
  /** Whom it admits; undefined: everybody. */
  readonly door?: DoorOptions;
  /** Operators' decisions so far. */
  readonly rights: Rights;
  random(): number;
  /** The process is dead. */
  detach(): void;
  /** Something has happened in the hub, such as a change of names. */
  happened?(hub: Hub): void;
  /** The hub has thrown this. */
  failed?(error: unknown): void;
};

export class ServerProcess {
  readonly hub: Hub;
  #isPumping = false;
  #timerMs = Infinity;
  #isStopping = false;
  /** The hub has been given up: nothing reaches it any more. */
  #hasStopped = false;

  /** Secret texts contain `name`: no two processes generate the same ones. */
  constructor(
    readonly clock: VirtualClock,
    readonly backing: Backing,
    readonly rates: Rates | undefined,
    readonly life = new Lifetime(),
    name = String(clock.nowMs),
    readonly own = new ProcessClock(clock, () => clock.nowMs, 0),
  ) {
    this.hub = new Hub({
      ...hubOptions(name),
      epoch: backing.epoch,
      stampMs: own.stampMs,
      rates,
      wake: () => clock.after(backing.random(), () => this.#endTurn()),
      shared: backing.others,
      rights: backing.rights,
      ...(backing.door !== undefined && { door: backing.door }),
    });
    backing.others?.attach({
      handleForeign: (event) => this.run((hub) => hub.handleForeign(event, this.nowMs)),
      positionIn: (room) => this.hub.positionIn(room),
      watchedNames: () => this.hub.watchedNames(),
      watchedServers: () => this.hub.watchedServers(),
      openRooms: () => this.hub.openRooms(),
      openMailboxes: () => this.hub.openMailboxes(),
    });
    this.#schedule();
  }

  get isDead(): boolean {
    return this.life.isDead;
  }

  /** The time as the hub has it. */
  get nowMs(): number {
    return this.own.steadyMs;
  }

  /** New connections are refused. */
  get isClosed(): boolean {
    return this.isDead || this.#isStopping;
  }

  /** SIGTERM, as in src/server/chat-server.ts; `stopped` closes the store. */
  stop(stopped: () => void): void {
    this.run((hub) => {
      this.#isStopping = true;
      const { clock } = this;
      hub.stop("The server is stopping", this.nowMs);
      const untilMs = clock.nowMs + shutdown.graceMs;
      const wait = (): void => {
        const isBusy = hub.sessionCount > 0 || !hub.isSettled;
        if (isBusy && clock.nowMs < untilMs) {
          clock.after(20, () => this.life.whenRunning(wait));
          return;
        }
        this.#hasStopped = true;
        stopped();
      };
      wait();
    });
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(): void {
    this.life.end();
    this.backing.detach();
  }

  /** A client connected; `link` takes the output. */
  accept(link: Link, dialect: Dialect, address: string): ServerConnection {
    return new ServerConnection(this, (hub) => {
      const peer = { address, port: 40_000 };
      const session = hub.handleConnect(link, dialect, peer, this.nowMs);
      session.output.framed = true;
      return session;
    });
  }

  /** Calls `act` with the hub once the process is not paused, unless it is dead or has stopped. */
  run(act: (hub: Hub) => void): void {
    this.life.whenRunning(() => {
      if (this.#hasStopped) return;
      try {
        act(this.hub);
        this.backing.happened?.(this.hub);
        this.#pump();
        this.#schedule();
      } catch (error) {
        this.backing.failed?.(error);
        throw error;
      }
    });
  }

  #endTurn(): void {
    const isBusy = this.backing.random() < busyShare;
    this.run((hub) => {
      if (hub.endTurn(this.nowMs, isBusy)) this.clock.after(busyMs, () => this.#endTurn());
    });
    this.run((hub) => hub.finishTurn(this.nowMs));
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const request = this.hub.pollStore(this.nowMs);
      if (request === undefined) break;
      this.backing.answer(request, (reply) =>
        this.run((hub) => hub.handleStore(reply, this.nowMs)),
      );
    }
    this.#isPumping = false;
  }

  #schedule(): void {
    const dueMs = this.hub.nextTimeoutMs;
    if (dueMs >= this.#timerMs) return;
    this.#timerMs = dueMs;
    this.clock.after(Math.max(1, dueMs - this.nowMs), () => {
      if (this.#timerMs !== dueMs) return;
      this.#timerMs = Infinity;
      this.run((hub) => hub.handleTimeout(this.nowMs));
    });
  }
}

/** The server's side of one connection. */
export class ServerConnection {
  readonly #process: ServerProcess;
  readonly #framer = new LineSplitter(1_000_000);
  /** Undefined: the process is paused, and has not seen the connection. */
  #session: Session | undefined;

  constructor(process: ServerProcess, connect: (hub: Hub) => Session) {
    this.#process = process;
    process.run((hub) => (this.#session = connect(hub)));
  }

  received(bytes: Uint8Array): void {
    this.#framer.push(bytes, (line) => {
      this.#act((hub, session, nowMs) => hub.handleMessage(session, line, nowMs));
      return true;
    });
  }

  drained(): void {
    this.#act((hub, session, nowMs) => hub.handleDrain(session, nowMs));
  }

  closed(): void {
    this.#act((hub, session, nowMs) => hub.handleClose(session, "lost", nowMs));
  }

  #act(act: (hub: Hub, session: Session, nowMs: number) => void): void {
    this.#process.run((hub) => {
      if (this.#session !== undefined) act(hub, this.#session, this.#process.nowMs);
    });
  }
}
