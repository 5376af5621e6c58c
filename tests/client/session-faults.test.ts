// Cuts at any byte, restarts with and without memory, refusals at random: every message exactly once, in order, on every client.

import { describe, expect, test } from "bun:test";
import { ModelServer } from "./model-server.ts";
import { VirtualNetwork, seeded } from "./virtual-network.ts";

const runs = 60;
const firstSeed = Number(process.env.PARLEY_TEST_SEED ?? 1);

function unique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

type Plan = { clients: number; each: number; faults: number; restarts: "keep" | "forget" | "none" };

function play(seed: number, plan: Plan) {
  const chance = seeded(seed * 7919);
  let epochs = 0;
  const server = new ModelServer("epoch-0", (text) => {
    if (text.includes("bad")) return { code: "text-invalid" };
    if (chance() < 0.02) return { code: "rate", retryAfterMs: Math.ceil(chance() * 500) };
    return chance() < 0.01 ? { code: "storage", retryAfterMs: 50 } : undefined;
  });
  const net = new VirtualNetwork(server, seed);
  const clients = Array.from({ length: plan.clients }, (_, i) => net.add(`c${i}`));
  const sent = new Map<string, string[]>();
  for (const client of clients) {
    const texts: string[] = [];
    sent.set(client.session.name ?? "", texts);
    for (let i = 0; i < plan.each; i++) {
      net.after(chance() * 20_000, () => {
        const text = `${client.session.name}-${texts.length}${chance() < 0.02 ? "-bad" : ""}`;
        texts.push(text);
        client.run((session) => expect(session.say(text)).toBeNumber());
      });
    }
  }
  for (let i = 0; i < plan.faults; i++) {
    net.after(chance() * 22_000, () => {
      if (plan.restarts === "none" || chance() < 0.7) {
        clients[Math.floor(chance() * clients.length)]?.cut();
        return;
      }
      server.restart(plan.restarts === "keep", `epoch-${++epochs}`);
      net.down = true;
      for (const client of clients) client.cut();
      net.after(chance() * 3_000, () => (net.down = false));
    });
  }
  const settled = () =>
    net.nowMs > 26_000 &&
    !net.down &&
    clients.every((c) => c.session.online && c.session.unacknowledged === 0) &&
    clients.every((c) => c.session.resumePoint?.seq === server.log().length);
  const done = net.runUntil(settled);
  return { server, clients, sent, done, epochs };
}

describe("a session under faults", () => {
  for (const restarts of ["none", "keep"] as const) {
    test(`loses nothing and doubles nothing (${restarts === "keep" ? "restarts of a server with memory" : "cuts only"})`, () => {
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
        const plan = { clients: 3, each: 60, faults: seed % 13, restarts };
        const { server, clients, sent, done } = play(seed, plan);
        const log = server.log().map((said) => said.text);
        expect({ seed, done, violations: server.violations }).toEqual({
          seed,
          done: true,
          violations: [],
        });
        for (const [name, texts] of sent) {
          const wanted = texts.filter((text) => !text.includes("bad"));
          const own = log.filter((text) => text.startsWith(`${name}-`));
          expect({ seed, own }).toEqual({ seed, own: wanted });
        }
        for (const client of clients) {
          // A client hears from its first welcome on, then everything, once, in the log's order.
          expect({ seed, heard: client.heard }).toEqual({
            seed,
            heard: log.slice(log.length - client.heard.length),
          });
          expect({ seed, gaps: client.events.filter((e) => e.type === "gap") }).toEqual({
            seed,
            gaps: [],
          });
          const failed = client.events.filter((e) => e.type === "failed").map((e) => e.text);
          const bad = (sent.get(client.session.name ?? "") ?? []).filter((t) => t.includes("bad"));
          // A refusal can be lost with its connection: the counter says only that the message was dealt with.
          expect({ seed, odd: failed.filter((text) => !bad.includes(text)) }).toEqual({
            seed,
            odd: [],
          });
          expect({ seed, once: unique(failed) }).toEqual({ seed, once: true });
          if (plan.faults === 0) expect(failed.length).toBe(bad.length);
        }
      }
    });
  }

  test("says everything again to a server that has forgotten all, in order, once an epoch", () => {
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const plan = { clients: 3, each: 60, faults: 12, restarts: "forget" } as const;
      const { server, clients, sent, done } = play(seed, plan);
      expect({ seed, done, violations: server.violations }).toEqual({
        seed,
        done: true,
        violations: [],
      });
      expect({ seed, once: unique(server.log().map((said) => said.text)) }).toEqual({
        seed,
        once: true,
      });
      for (const client of clients) {
        const name = client.session.name ?? "";
        const acknowledged = client.events.reduce(
          (last, event) => (event.type === "acknowledged" ? event.id : last),
          0,
        );
        const last = sent.get(name)?.length ?? 0;
        // The last may have been refused for good, which is the end of it too.
        expect(acknowledged <= last).toBe(true);
        const own = server.log().filter((said) => said.from === name);
        const order = own.map((said) => Number(said.text.split("-")[1]));
        expect({ seed, order }).toEqual({ seed, order: order.toSorted((a, b) => a - b) });
      }
    }
  });
});
