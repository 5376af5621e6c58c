// What a test must clean up: processes, namespaces, mounts, folders. Everything that the bed
// creates is registered here, and removed in reverse order when the test ends, however it ends.
// Knows nothing of networks or file systems.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Names of namespaces and folders begin with this and the process ID, which identifies the
 * leftovers of a killed run.
 */
export const prefix = "parley-world-";

type Undo = () => void | Promise<void>;

const open = new Set<Scope>();
let made = 0;

export class Scope implements AsyncDisposable {
  readonly name = `${prefix}${process.pid}-${++made}`;
  readonly #undo: Undo[] = [];
  readonly #failures: string[] = [];
  #folder: string | undefined;

  constructor() {
    open.add(this);
  }

  defer(undo: Undo): void {
    this.#undo.push(undo);
  }

  /** A separate folder for this test. */
  folder(name = ""): string {
    if (this.#folder === undefined) {
      const folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
      this.#folder = folder;
      this.defer(() => rmSync(folder, { recursive: true, force: true }));
    }
    return join(this.#folder, name);
  }

  /** Things that could not be removed; a test bed that leaves anything behind has failed. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this);
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        this.#failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
}

/** Removes everything: for the end of an interrupted run. */
export async function disposeAll(): Promise<void> {
  await Promise.all([...open].map((scope) => scope[Symbol.asyncDispose]()));
}
