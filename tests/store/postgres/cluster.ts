// PostgreSQL clusters for tests: temporary, on loopback, run by an unprivileged user. To create one
// takes more than a second of processor time, so the tests of a process share one, each with its
// own databases, unless they stop it. Tests that need one are skipped, with a message, if the
// programs are not installed.

import { SQL } from "bun";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";

/** Debian's folder with the programs of each version. */
const debian = "/usr/lib/postgresql";

function programFolder(): string | undefined {
  const onPath = Bun.which("initdb");
  if (onPath !== null && isWhole(join(onPath, ".."))) return join(onPath, "..");
  if (!existsSync(debian)) return undefined;
  const versions = readdirSync(debian).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(debian, version, "bin")).find(isWhole);
}

function isWhole(folder: string): boolean {
  const needed = ["initdb", "pg_ctl", "pg_basebackup"];
  return needed.every((program) => existsSync(join(folder, program)));
}

const programs = programFolder();

/** The folder with PostgreSQL's programs. */
export const postgresPrograms = programs ?? "";

/** PostgreSQL refuses to run as root. */
const isRoot = process.getuid?.() === 0;
const unprivileged = isRoot ? userNamed("postgres") : undefined;

function userNamed(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined
    ? undefined
    : { uid: Number(uid), gid: Number(gid) };
}

export const hasPostgres = programs !== undefined && (!isRoot || unprivileged !== undefined);
export const withoutPostgres = "PostgreSQL is not installed (Debian: apt-get install postgresql)";

let shared: Promise<Cluster> | undefined;

/**
 * Removes the cluster once the process with that number has ended, which is not announced to those
 * that run tests.
 */
const removal = `(
  while [ -d "/proc/$1" ] || kill -0 "$1"; do sleep 1; done
  "$2" -D "$3/data" -m immediate stop
  rm -rf "$3"
) >/dev/null 2>&1 &`;

/** A running cluster. */
export class Cluster {
  readonly folder: string;
  readonly port: number;
  #databases = 0;
  #settings: readonly string[] = [];
  #isDead = false;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async start(settings: readonly string[] = []): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "parley-pg-"));
    if (unprivileged !== undefined) chownSync(folder, unprivileged.uid, unprivileged.gid);
    const cluster = new Cluster(folder, await freePort());
    const words = ["-A", "trust", "-U", "parley", "-E", "UTF8", "--no-sync"];
    await run("initdb", ["-D", cluster.#data, ...words]);
    cluster.#settings = settings;
    await cluster.startAgain();
    return cluster;
  }

  /** The one of this process, for tests that leave it as it is. */
  static shared(): Promise<Cluster> {
    shared ??= Cluster.start().then(async (cluster) => {
      const words = [String(process.pid), join(programs ?? "", "pg_ctl"), cluster.folder];
      // Interrupted tests are over; what removes their cluster is not.
      const script = ["sh", "-c", `trap "" INT TERM HUP; ${removal}`, "sh", ...words];
      const options = {
        cwd: tmpdir(),
        stdin: "ignore",
        stdout: "ignore",
        ...unprivileged,
      } as const;
      await Bun.spawn(script, options).exited;
      return cluster;
    });
    return shared;
  }

  /**
   * A standby of a running primary that it reaches at `port`, under a name of its own. `at`: the
   * port of another cluster that it replaces.
   */
  static async standbyOf(
    primary: Cluster,
    port: number,
    name: string,
    at?: number,
  ): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "parley-pg-"));
    if (unprivileged !== undefined) chownSync(folder, unprivileged.uid, unprivileged.gid);
    const standby = new Cluster(folder, at ?? (await freePort()));
    const from = `host=127.0.0.1 port=${port} user=parley application_name=${name}`;
    const words = ["-d", from, "-R", "-X", "stream", "-c", "fast", "--no-sync"];
    await run("pg_basebackup", [...words, "-D", standby.#data]);
    standby.#settings = primary.#settings;
    await standby.startAgain();
    return standby;
  }

  /** Promotes the standby to a primary. */
  async promote(): Promise<void> {
    await run("pg_ctl", ["-D", this.#data, "-w", "promote"]);
  }

  /**
   * `kill -9` of the postmaster; its processes follow it. Resolves when nothing listens any more.
   */
  async kill(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    while (await this.#listens()) await Bun.sleep(20);
    this.#isDead = true;
  }

  /** Of the postmaster, the parent of its other processes. */
  get pid(): number {
    return Number(readFileSync(join(this.#data, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  /** Its log. */
  get log(): string {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  async #listens(): Promise<boolean> {
    try {
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port: this.port,
        socket: { data() {} },
      });
      socket.end();
      return true;
    } catch {
      return false;
    }
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  async startAgain(): Promise<void> {
    const options = [
      `-p ${this.port} -k ${this.folder} -c listen_addresses=127.0.0.1`,
      "-c fsync=off -c full_page_writes=off",
      ...this.#settings.map((setting) => `-c ${setting}`),
    ].join(" ");
    const log = join(this.folder, "log");
    await run("pg_ctl", ["-D", this.#data, "-l", log, "-o", options, "-w", "start"]);
  }

  /** The address of a new, empty database. `options`: of CREATE DATABASE. */
  async newDatabase(options = ""): Promise<string> {
    const name = `test${++this.#databases}`;
    const admin = new SQL({
      adapter: "postgres",
      hostname: "127.0.0.1",
      port: this.port,
      username: "parley",
      database: "postgres",
      max: 1,
    });
    await admin.unsafe(`CREATE DATABASE ${name} ${options}`);
    await admin.close();
    return `postgres://parley@127.0.0.1:${this.port}/${name}`;
  }

  /** `immediate`: as if the machine had crashed. */
  async stop(mode: "fast" | "immediate" = "immediate"): Promise<void> {
    await run("pg_ctl", ["-D", this.#data, "-m", mode, "-w", "stop"]);
  }

  async remove(): Promise<void> {
    if (!this.#isDead) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @throws Error with the program's output */
async function run(program: string, args: readonly string[]): Promise<void> {
  const child = Bun.spawn([join(programs ?? "", program), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...unprivileged,
  });
  const [out, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (child.exitCode !== 0) throw new Error(`${program} failed: ${errors}${out}`);
}
