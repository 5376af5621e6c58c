// A lock beside a partial file: one fetch of a name at a time. The lock of a process that died is taken over.
// It is a file with the owner's process id, made whole and atomically by a hard link, so that it is never seen half written.

import { linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { ParleyError } from "../errors.ts";
import { fileReason } from "./file-reason.ts";
import { partPathOf } from "./part-path.ts";

const tries = 5;

export class FetchLock {
  readonly #path: string;
  #held = true;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * For the file that will be `target`.
   * @throws ParleyError `locked` while another process that lives holds it; `storage` if the folder can't be written.
   */
  static take(target: string): FetchLock {
    const path = `${partPathOf(target)}.lock`;
    const mine = `${path}.${process.pid}`;
    const owner = ownerLine(process.pid);
    try {
      rmSync(mine, { force: true });
      writeFileSync(mine, owner, { flag: "wx" });
      for (let i = 0; i < tries; i++) {
        if (isLinked(mine, path)) return new FetchLock(path);
        removeStale(path, `${mine}.stale`);
      }
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      throw new ParleyError(
        "storage",
        `Cannot write '${target}': ${fileReason(error)}. Choose another place with -o`,
      );
    } finally {
      rmSync(mine, { force: true });
    }
    throw locked(path, "another process");
  }

  release(): void {
    if (this.#held) rmSync(this.#path, { force: true });
    this.#held = false;
  }
}

/** Gives a file a second name, at once or not at all; false if there is something of that name. */
export function isLinked(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function removeStale(path: string, aside: string): void {
  const seen = contentOf(path);
  if (seen === undefined) return;
  const [pid, , host] = seen.split(" ");
  const sameHost = host === hostname().replaceAll(/\s/g, "-");
  if (!sameHost || seen === ownerLine(Number(pid))) throw locked(path, `process ${pid}`);
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  // between reading and renaming, another process may have taken the stale lock over: then this is its lock, give it back
  if (contentOf(aside) !== seen) isLinked(aside, path);
  rmSync(aside, { force: true });
}

/** Process id, when it was started (where that can be known: ids are used again), machine. Differs from a dead process's line. */
function ownerLine(pid: number): string {
  return `${pid} ${startOf(pid)} ${hostname().replaceAll(/\s/g, "-")}`;
}

function startOf(pid: number): string {
  if (process.platform === "linux") {
    // field 22 of proc_pid_stat(5), counted behind the name in brackets
    const stat = contentOf(`/proc/${pid}/stat`) ?? "";
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return start ?? "dead";
  }
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "alive" : "dead";
  }
}

/** Of a regular file; a FIFO is not waited for, a link not followed. */
function contentOf(path: string): string | undefined {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function locked(path: string, who: string): ParleyError {
  return new ParleyError(
    "locked",
    `Another fetch (${who}) is writing here: '${path}'. Wait for it, or fetch with \`-o\` to another name.`,
  );
}
