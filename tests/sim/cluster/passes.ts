// Passes of a server for members only: an operator makes and revokes them at any server, and guests
// show them at any. None admits more people than it allows; those whom it has admitted may return
// with it; and once it is revoked it admits nobody any more.

import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import { fail } from "../chat/truth.ts";
import { type ClientWorld, JsonClient } from "./json-client.ts";
import type { MemberProcess } from "./member-process.ts";

/** How long a server may not know of a decision: longer than a lease, and than a slow look. */
const lateMs = 30_000;
/** How long it takes to read what others have decided, once the database can be reached again. */
const readMs = 15_000;

type Pass = {
  readonly id: number;
  readonly code: string;
  readonly uses: number;
  /** When the operator was told that it is revoked. */
  revokedMs: number | undefined;
  /** Whether the operator has begun to revoke it. */
  isEnding: boolean;
  /** Who has entered with it. */
  readonly guests: Set<string>;
};

export class PassDesk {
  readonly #world: ClientWorld;
  readonly #members: readonly MemberProcess[];
  readonly #passes: Pass[] = [];
  /** By server: when it could not reach the database, or did not run. */
  readonly #awayMs = new Map<string, number>();
  admitted = 0;

  constructor(world: ClientWorld, members: readonly MemberProcess[]) {
    this.#world = world;
    this.#members = members;
  }

  doSomething(): void {
    const { random } = this.#world;
    const member = this.#members[Math.floor(random() * this.#members.length)]!;
    const pass = this.any();
    if (pass === undefined || random() < 0.4) this.#make(member, 1 + Math.floor(random() * 3));
    else if (random() < 0.5) this.#revoke(member, pass);
  }

  /** One of the last passes. */
  any(): Pass | undefined {
    const recent = this.#passes.slice(-4);
    return recent[Math.floor(this.#world.random() * recent.length)];
  }

  /** A server that can't reach the database lets those return whom it knows. */
  mayKnow(server: ServerProcess | undefined): boolean {
    const { nowMs } = this.#world.clock;
    for (const { name, link, isPaused, database } of this.#members) {
      if (isPaused || link.condition === "cut" || database.isAway) this.#awayMs.set(name, nowMs);
    }
    const { name = "" } = this.#members.find((one) => one.server === server) ?? {};
    return nowMs - (this.#awayMs.get(name) ?? 0) > readMs;
  }

  /** `sentMs`: when the guest has shown it, if the server could know by then that it is revoked. */
  welcomed(guest: string, pass: Pass, sentMs: number | undefined): void {
    this.admitted++;
    const { id, uses, guests, revokedMs } = pass;
    guests.add(guest);
    const all = [...guests].join(" ");
    if (guests.size > uses) fail(`Pass #${id} is for ${uses}, and has admitted ${all}`);
    if (sentMs !== undefined && sentMs - (revokedMs ?? Infinity) > lateMs) {
      fail(`${guest} is admitted by pass #${id}, which was revoked`);
    }
  }

  /** Once healed, and after some time: all servers know who may enter by which pass. */
  checkAll(): void {
    for (const { server, name } of this.#members) {
      const known = server?.backing.rights.passes.list(server.nowMs) ?? [];
      for (const { id, revokedMs, isEnding, guests } of this.#passes) {
        const found = known.find((pass) => pass.id === id);
        if (found !== undefined && revokedMs !== undefined) {
          fail(`${name} has pass #${id}, which was revoked`);
        }
        const kept = new Set(found?.guests);
        const lost = [...guests].find((guest) => !kept.has(`hash of ${secretOf(guest)}`));
        if (isEnding || (found !== undefined && lost === undefined)) continue;
        fail(`${name} does not let ${lost ?? "anybody"} in by pass #${id}`);
      }
    }
  }

  /** Valid for longer than clocks are wrong. */
  #make(member: MemberProcess, uses: number): void {
    this.#order(member, `pass --uses ${uses} --for 1200d`, (answer) => {
      const [row] = answer.ok ? (answer.rows ?? []) : [];
      const code = row?.text;
      if (code === undefined || !isStored(answer)) return;
      const id = Number(row?.fields?.id);
      const about = { revokedMs: undefined, isEnding: false, guests: new Set<string>() };
      this.#passes.push({ id, code, uses, ...about });
    });
  }

  #revoke(member: MemberProcess, pass: Pass): void {
    pass.isEnding = true;
    this.#order(member, `revoke #${pass.id}`, (answer) => {
      if (answer.ok && isStored(answer)) pass.revokedMs ??= this.#world.clock.nowMs;
    });
  }

  #order(member: MemberProcess, line: string, then: (answer: AdminAnswer) => void): void {
    const { server, name } = member;
    if (server === undefined || server.isClosed) return;
    server.run((hub) => {
      hub.handleAdmin(consoleActor, line, server.nowMs, (answer) => {
        this.#world.trace(name, "!", `${line}: ${JSON.stringify(answer)}`);
        then(answer);
      });
    });
  }
}

function isStored(answer: AdminAnswer): boolean {
  return answer.message?.includes("not stored yet") !== true;
}

function secretOf(guest: string): string {
  return `secret-of-${guest}`.padEnd(20, ".");
}

export class PassGuest extends JsonClient<ClientWorld> {
  readonly #desk: PassDesk;
  #shown: { readonly pass: Pass; readonly sentMs: number | undefined } | undefined;

  constructor(world: ClientWorld, desk: PassDesk, name: string, address: string) {
    super(world, name, address);
    this.#desk = desk;
  }

  doSomething(): void {
    const { random, clock } = this.world;
    if (this.isConnected) {
      if (random() < 0.3) this.send({ type: "bye" });
      else if (random() < 0.5) this.cut(random() * 3_000, random() * 10_000);
      return;
    }
    const pass = this.#desk.any();
    if (pass === undefined || !this.connect()) return;
    const sentMs = this.#desk.mayKnow(this.server) ? clock.nowMs : undefined;
    this.#shown = { pass, sentMs };
    const about = { name: this.label, secret: secretOf(this.label), rooms: [] };
    this.send({ type: "hello", version: 2, ...about, pass: pass.code });
  }

  protected hear(line: string): void {
    const { type } = JSON.parse(line);
    const { pass, sentMs } = this.#shown ?? {};
    if (type === "welcome" && pass !== undefined) this.#desk.welcomed(this.label, pass, sentMs);
  }

  protected lost(): void {
    this.#shown = undefined;
  }
}
