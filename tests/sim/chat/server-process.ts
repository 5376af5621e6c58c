// The server as a process on virtual time: the real hub, driven as by the real driver, with byte
// streams for connections. It can be killed; then only the store's contents remain.

import { unruled } from "../../chat/no-control.ts";
import { fakeCredentials } from "../../chat/fake-credentials.ts";
import { silentLog } from "../../silent-log.ts";
import { reservedNames } from "../../../src/dialects/table.ts";
import { Hub } from "../../../src/chat/hub.ts";
import type { Link } from "../../../src/chat/link.ts";
import { createMetrics } from "../../../src/chat/metrics.ts";
import type { Rates } from "../../../src/chat/rate-budget.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import type { Session } from "../../../src/chat/session.ts";
import type { StoreReply } from "../../../src/chat/store.ts";
import { LineSplitter } from "../../../src/line-splitter.ts";
import type { FlakyStore } from "./flaky-store.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Share of the turns in which the server is busy, and for how long, in milliseconds. */
const busyShare = 0.1;
const busyMs = 20;

export class ServerProcess {
  readonly hub: Hub;
  #ask: ReturnType<FlakyStore["attach"]>;
  #isDead = false;
  #isPumping = false;
  #timerMs = Infinity;
  #secrets = 0;

  constructor(
    readonly clock: VirtualClock,
    readonly store: FlakyStore,
    readonly rates: Rates | undefined,
  ) {
    this.#ask = store.attach();
    const startedMs = clock.nowMs;
    this.hub = new Hub({
      epoch: store.store.epoch,
      metrics: createMetrics(),
      rates,
      files: {
        list: (_after, _limit, answer) => answer({ files: [], next: undefined }),
        transfer() {},
        download() {},
        closed() {},
      },
      wake: () => clock.after(store.random(), () => this.#endTurn()),
      print() {},
      log: silentLog,
      hashSecret: (secret) => `hash of ${secret}`,
      ...unruled(),
      reservedNames,
      credentials: fakeCredentials,
      newSecret: () => `secret-number-${++this.#secrets}-of-${startedMs}`,
    });
    this.#schedule();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(): void {
    this.#isDead = true;
    this.store.detach();
  }

  /** A client connected; `link` takes the output. */
  accept(link: Link, dialect: Dialect, address: string): ServerConnection {
    const { clock, hub } = this;
    const session = hub.handleConnect(link, dialect, { address, port: 40_000 }, clock.nowMs);
    session.output.framed = true;
    this.#pump();
    return new ServerConnection(this, session);
  }

  /** Does something with the hub if the process is alive. */
  run(act: (hub: Hub) => void): void {
    if (this.#isDead) return;
    act(this.hub);
    this.#pump();
    this.#schedule();
  }

  #endTurn(): void {
    const isBusy = this.store.random() < busyShare;
    this.run((hub) => {
      if (hub.endTurn(this.clock.nowMs, isBusy)) this.clock.after(busyMs, () => this.#endTurn());
    });
    this.run((hub) => hub.finishTurn(this.clock.nowMs));
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const request = this.hub.pollStore(this.clock.nowMs);
      if (request === undefined) break;
      this.#ask(request, (reply: StoreReply) =>
        this.run((hub) => hub.handleStore(reply, this.clock.nowMs)),
      );
    }
    this.#isPumping = false;
  }

  #schedule(): void {
    const dueMs = this.hub.nextTimeoutMs;
    if (dueMs >= this.#timerMs) return;
    this.#timerMs = dueMs;
    this.clock.after(Math.max(1, dueMs - this.clock.nowMs), () => {
      if (this.#timerMs !== dueMs) return;
      this.#timerMs = Infinity;
      this.run((hub) => hub.handleTimeout(this.clock.nowMs));
    });
  }
}

/** The server's side of one connection. */
export class ServerConnection {
  readonly #process: ServerProcess;
  readonly #session: Session;
  readonly #framer = new LineSplitter(1_000_000);

  constructor(process: ServerProcess, session: Session) {
    this.#process = process;
    this.#session = session;
  }

  received(bytes: Uint8Array): void {
    this.#framer.push(bytes, (line) => {
      const { clock } = this.#process;
      this.#process.run((hub) => hub.handleMessage(this.#session, line, clock.nowMs));
      return true;
    });
  }

  drained(): void {
    const { clock } = this.#process;
    this.#process.run((hub) => hub.handleDrain(this.#session, clock.nowMs));
  }

  closed(): void {
    const { clock } = this.#process;
    this.#process.run((hub) => hub.handleClose(this.#session, "lost", clock.nowMs));
  }
}
