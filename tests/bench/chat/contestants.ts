// The compared servers: how each is started, and which wire protocol it uses. A server that is not
// installed is reported and skipped.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parleyBinary } from "../../parley.ts";
import { writeKeyPair } from "../key-pair.ts";
import { freePort } from "../../free-port.ts";
import { Cluster, hasPostgres, withoutPostgres } from "../../store/postgres/cluster.ts";
import type { Tls } from "./members.ts";
import type { WireName } from "./wires.ts";

export type Running = {
  pid: number;
  port: number;
  /** Of the server's database, if it is another program. */
  databasePid: number | undefined;
  stop(): Promise<void>;
};

export type Contestant = {
  name: string;
  wire: WireName;
  /** Accepts so few connections per second that ten thousand would take minutes. */
  slowDoor?: true;
  /** Absent: plain text. */
  tls?: Tls;
  /** The executable; absent: parley. */
  program?: string;
  /** Keeps its data in PostgreSQL, at the third argument of `start`. */
  usesPostgres?: true;
  start(folder: string, port: number, database: string): string[];
};

const words = (line: string): string[] => line.split(" ");

const parley =
  (...more: string[]) =>
  (folder: string, port: number, database: string): string[] => [
    parleyBinary(),
    ...words(`server --port ${port} --no-web --rate 0 --files ${folder} --state ${folder}-state`),
    ...more.map((word) => word.replace("FOLDER", folder).replace("DATABASE", database)),
  ];

export const contestants: readonly Contestant[] = [
  { name: "parley plain", wire: "plain", start: parley() },
  { name: "parley native", wire: "native", start: parley() },
  { name: "parley plain --data", wire: "plain", start: parley("--data", "FOLDER/chat.db") },
  { name: "parley native --data", wire: "native", start: parley("--data", "FOLDER/chat.db") },
  {
    name: "parley native --data postgres",
    wire: "native",
    usesPostgres: true,
    start: parley("--data", "DATABASE"),
  },
  { name: "parley irc", wire: "irc", start: parley() },
  {
    name: "nats-server",
    wire: "nats",
    program: "nats-server",
    start: (_folder, port) => ["nats-server", "-a", "127.0.0.1", "-p", String(port)],
  },
  {
    name: "redis-server",
    wire: "redis",
    program: "redis-server",
    start: (folder, port) => [
      ...words(`redis-server --port ${port} --bind 127.0.0.1 --dir ${folder}`),
      ...words("--appendonly no --maxclients 12000 --save"),
      "",
      "--client-output-buffer-limit",
      "pubsub 0 0 0",
    ],
  },
  {
    name: "ngircd",
    wire: "irc",
    program: "ngircd",
    slowDoor: true,
    start(folder, port) {
      const config = join(folder, "ngircd.conf");
      writeFileSync(
        config,
        `[Global]\nName=bench.local\nInfo=bench\nListen=127.0.0.1\nPorts=${port}\nServerUID=root\nServerGID=root\n` +
          "[Limits]\nMaxConnections=0\nMaxConnectionsIP=0\nMaxJoins=0\nMaxNickLength=16\nMaxPenaltyTime=0\n" +
          "[Options]\nPAM=no\nIdent=no\nDNS=no\n",
      );
      return ["ngircd", "-n", "-f", config];
    },
  },
];

/** With TLS: parley on its main port, nats-server after its greeting. */
const withTls: readonly Contestant[] = [
  { name: "parley plain, TLS", wire: "plain", tls: "first", start: parley() },
  { name: "parley native, TLS", wire: "native", tls: "first", start: parley() },
  {
    name: "nats-server, TLS",
    wire: "nats",
    tls: "after-greeting",
    program: "nats-server",
    start(folder, port) {
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
      writeKeyPair(cert, key);
      const tls = ["--tls", "--tlscert", cert, "--tlskey", key];
      return ["nats-server", "-a", "127.0.0.1", "-p", String(port), ...tls];
    },
  },
];

/** The contestants that can run here; the others are reported. */
export function present(say: (line: string) => void, tls: boolean): Contestant[] {
  return (tls ? withTls : contestants).filter(({ name, program, usesPostgres }) => {
    if (usesPostgres === true && !hasPostgres)
      return void say(`skipped: ${name}: ${withoutPostgres}`);
    if (program === undefined || find(program) !== null) return true;
    say(`skipped: ${name} is not installed`);
    return false;
  });
}

/** Debian installs servers outside a user's PATH. */
function find(program: string): string | null {
  return Bun.which(program, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` });
}

export async function start(contestant: Contestant): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const port = await freePort();
  const postgres = contestant.usesPostgres === true ? await Cluster.start() : undefined;
  const database = (await postgres?.newDatabase()) ?? "";
  const [program = "", ...args] = contestant.start(folder, port, database);
  const child = Bun.spawn([find(program) ?? program, ...args], {
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}-state`, { recursive: true, force: true });
    await postgres?.remove();
  };
  for (let i = 0; i < 500; i++) {
    if (child.exitCode !== null) break;
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      socket.end();
      await Bun.sleep(200);
      return { pid: child.pid, port, databasePid: postgres?.pid, stop };
    } catch {
      await Bun.sleep(20);
    }
  }
  await stop();
  throw new Error(`${contestant.name} did not start: ${[program, ...args].join(" ")}`);
}
