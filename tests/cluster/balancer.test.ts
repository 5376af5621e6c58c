// The page behind nginx and HAProxy, as docs/cluster.md sets them up in front of two servers: when
// a server dies, its users continue at the other with the same session.

import { afterAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { docsBlock } from "../docs-blocks.ts";
import { freePort } from "../free-port.ts";
import { chosenBrowser, Tab, whyNoBrowser } from "../page/browser.ts";
import { closeChromium } from "../page/chromium.ts";
import { drop } from "../page/handover-rig.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { Wire } from "./wire.ts";

type Ports = { balancer: number; web: readonly number[]; chat: readonly number[] };

/** The words to run a balancer from a configuration that is written into `folder`. */
type Start = (folder: string, ports: Ports) => string[];

const balancers: Record<string, Start> = {
  nginx(folder, ports) {
    const site = withAddresses(docsBlock("cluster.md", "With **nginx**"), ports)
      .replace("listen 443 ssl", `listen 127.0.0.1:${ports.balancer}`)
      .replaceAll(/^ *ssl_.*$/gm, "")
      .replace("$host", "$http_host");
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(" ");
    const file = join(folder, "nginx.conf");
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
       http { access_log off; ${temporary} ${site} }`,
    );
    return ["-p", folder, "-c", file];
  },
  haproxy(folder, ports) {
    const defaults = /^defaults\n(?: .*\n)+/.exec(docsBlock("operation.md", "**HAProxy**"))?.[0];
    const site = withAddresses(docsBlock("cluster.md", "with **HAProxy**"), ports).replace(
      /bind .*$/m,
      `bind 127.0.0.1:${ports.balancer}`,
    );
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, `${defaults}${site}`);
    return ["-db", "-f", file];
  },
};

/** The documented configuration with the ports of this test for its addresses. */
function withAddresses(text: string, { web, chat }: Ports): string {
  return text.replaceAll(/192\.0\.2\.1([12]):(8000|55000)/g, (_, host: string, port: string) => {
    const of = port === "8000" ? web : chat;
    return `127.0.0.1:${of[Number(host) - 1]}`;
  });
}

const missing = [hasPostgres ? [] : [withoutPostgres], whyNoBrowser(chosenBrowser) ?? []].flat();

afterAll(closeChromium);

/** A balancer with the configuration of the docs, except for TLS and the addresses. */
class Balancer implements AsyncDisposable {
  readonly #folder = testFolder("balancer");
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly port: number;

  constructor(program: string, ports: Ports) {
    this.port = ports.balancer;
    const words = [program, ...(balancers[program]?.(this.#folder, ports) ?? [])];
    this.#process = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  }

  async ready(): Promise<void> {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`).catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.#process.exitCode !== null) {
        throw new Error(await new Response(this.#process.stderr).text());
      }
      await Bun.sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
}

for (const program of Object.keys(balancers)) {
  const lacks =
    Bun.which(program) === null
      ? [`${program} is not installed (Debian: apt-get install ${program})`]
      : [];
  const reasons = [...missing, ...lacks];
  skipUnless(reasons.length === 0, reasons.join("; "))(
    `behind ${program} a page goes where a recipient is, and to the other server when its own dies: nothing is lost or doubled`,
    async () => {
      const flags = ["--web-port", "0"];
      await using setting = await Setting.start(2, [flags, flags]);
      const web = await Promise.all(setting.servers.map((server) => server.webPort()));
      const ports = { balancer: await freePort(), web, chat: setting.ports };
      await using balancer = new Balancer(program, ports);
      await balancer.ready();
      using ann = await Tab.open(`http://127.0.0.1:${balancer.port}/`);
      await ann.login("Ann");
      const placeOf = async (name: string): Promise<number> => {
        const rows = await setting.query<{ place: number | string }>(
          `SELECT place FROM parley.people p JOIN (
           SELECT id, row_number() OVER (ORDER BY started) AS place FROM parley.servers) s
         ON s.id = p.server WHERE folded = '${name}'`,
        );
        return rows.length === 1 ? Number(rows[0]?.place) - 1 : -1;
      };
      const first = await placeOf("ann");
      expect([0, 1]).toContain(first);
      const at = 1 - first;
      {
        const hello = { takesFiles: true, rooms: [{ room: "lobby" }] };
        using cal = await Wire.native(setting.ports[at]!, "Cal", hello);
        await ann.until(`document.querySelector('[data-person="Cal"]')`);
        await drop(ann, `#people [data-person="Cal"]`, [["note.bin", 1_000]]);
        expect(await cal.until(/"type":"offered"/)).toContain('"from":"Ann"');
        await ann.shows("#presence", "online as Ann");
        await until(async () => (await placeOf("ann")) === at, "that Ann is at Cal's server");
      }
      const other = setting.ports[first]!;
      using bob = await Wire.native(other, "Bob", { rooms: [{ room: "lobby" }] }).catch((error) => {
        throw new Error(`${error.message}\n${setting.log}`);
      });
      await ann.say("before");
      await bob.until(/"text":"before"/);

      await setting.servers[at]!.kill();
      await ann.until(`!document.querySelector("#presence").textContent.startsWith("online")`);
      await ann.say("meanwhile");
      bob.send({ type: "say", room: "lobby", text: "for Ann, who is away", n: 1 });
      await bob.until(/"text":"meanwhile"/);
      await ann.shows("#presence", "online as Ann");
      await ann.hears("for Ann, who is away");
      bob.send({ type: "say", room: "lobby", text: "welcome back", n: 2 });
      await ann.hears("welcome back");
      const said = (await setting.lines()).map(({ text }) => text);
      expect(said.toSorted()).toEqual([
        "before",
        "for Ann, who is away",
        "meanwhile",
        "welcome back",
      ]);
      const shown = `[...document.querySelectorAll(".message .text")].map((one) => one.textContent)`;
      expect((await ann.get<string[]>(shown)).toSorted()).toEqual(said.toSorted());
      const names = await setting.query<{ folded: string }>(
        "SELECT DISTINCT folded FROM parley.people ORDER BY folded",
      );
      expect(names.map(({ folded }) => folded)).toEqual(["ann", "bob"]);
      expect(ann.complaints).toEqual([]);
    },
    180_000,
  );
}
