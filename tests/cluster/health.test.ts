// What a load balancer and Prometheus see of a server whose database becomes unreachable and
// returns.

import { expect } from "bun:test";
import { freePort } from "../free-port.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";
import { until } from "../until.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

withPostgres(
  "a database that is away for a lease shows in /healthz and in the metrics, until it is back",
  async () => {
    const [web, metrics] = [await freePort(), await freePort()];
    const flags = ["--web-port", String(web), "--metrics-port", String(metrics)];
    await using setting = await Setting.start(2, [flags], true);
    const health = async () => {
      const answer = await fetch(`http://127.0.0.1:${web}/healthz`);
      return `${answer.status} ${(await answer.text()).trim()}`;
    };
    const figure = async (name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`parley_database_${name} `));
      return Number(line?.split(" ").at(-1));
    };
    expect(await health()).toBe("200 ok");
    using ann = await Wire.native(setting.ports[1]!, "Ann");
    await until(async () => (await figure("notices_total")) > 0, "a notification");
    expect(await figure('requests_total{outcome="done"}')).toBeGreaterThan(5);
    expect(await figure("request_duration_seconds_count")).toBeGreaterThan(5);
    expect(await figure("lease_age_seconds")).toBeLessThan(10);

    await setting.postgres.stop("immediate");
    await until(async () => (await health()) === "503 database away", "an end of the lease");
    expect(await figure("lease_age_seconds")).toBeGreaterThan(10);
    expect(await figure('requests_total{outcome="unknown"}')).toBeGreaterThan(0);
    await setting.postgres.startAgain();
    await until(async () => (await health()) === "200 ok", "the database again");
    ann.send({ type: "say", room: "lobby", text: "on we go", n: 1 });
    await ann.until(/"text":"on we go"|"type":"bye"/);
  },
  180_000,
);
