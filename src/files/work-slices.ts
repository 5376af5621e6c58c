// Long work on the disk in slices, with other work in between: a server has everybody else to
// serve, and a client its connections and its prompt.

import { fetching as limits } from "../limits.ts";

export class WorkSlices {
  readonly #onRest: () => void;
  #untilMs = performance.now() + limits.workSliceMs;

  /** `onRest` is called between two slices, and may throw. */
  constructor(onRest: () => void = () => {}) {
    this.#onRest = onRest;
  }

  /** Whether the slice is used up: `rest` is due. */
  get isOver(): boolean {
    return performance.now() >= this.#untilMs;
  }

  /** Lets everything else run first. @throws what `onRest` throws */
  async rest(): Promise<void> {
    await new Promise<void>((go) => setImmediate(go));
    this.#onRest();
    this.#untilMs = performance.now() + limits.workSliceMs;
  }
}
