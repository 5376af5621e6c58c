// What a test has to undo: processes, namespaces, mounts, folders. Everything that the bed makes registers here, and is undone
// in reverse order when the test ends, however it ends. Knows nothing of networks or file systems.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Names of namespaces and folders begin with this and the process id, so that leftovers of a killed run can be told. */
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

  /** A folder of this test's own. */
  folder(name = ""): string {
    if (this.#folder === undefined) {
      const folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
      this.#folder = folder;
      this.defer(() => rmSync(folder, { recursive: true, force: true }));
    }
    return join(this.#folder, name);
  }

  /** What could not be undone; a test bed that leaves things behind has failed. */
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

/** Undoes everything that is there: for the end of a run that is interrupted. */
export async function disposeAll(): Promise<void> {
  await Promise.all([...open].map((scope) => scope[Symbol.asyncDispose]()));
}
