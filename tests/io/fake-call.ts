// A relayed call without a server: the frames of one end go to the other.

import type { RelayedCall } from "../../src/io/relayed-link.ts";

export class FakeCall implements RelayedCall {
  onFrame: (data: string) => void = () => {};
  onEnded = (): void => {};
  onDrained = (): void => {};
  onCut = (): void => {};
  onAgain = (): void => {};
  readonly waitingBytes = 0;
  readonly server = "192.0.2.1";
  readonly relay = undefined;
  #other: FakeCall | undefined;

  /** Caller and called end. */
  static pair(): [FakeCall, FakeCall] {
    const [caller, called] = [new FakeCall(), new FakeCall()];
    caller.#other = called;
    called.#other = caller;
    return [caller, called];
  }

  pass(data: string): void {
    setImmediate(() => this.#other?.onFrame(data));
  }

  checkAlive(): void {}

  end(): void {}
}
