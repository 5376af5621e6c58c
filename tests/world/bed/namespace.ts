// A network namespace of Linux. Sockets belong to the namespace of the thread that creates them, so
// a test can connect from any host of its network without a process there: `within` moves this
// thread for the duration of one synchronous call.

import { dlopen } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { run } from "./command.ts";
import type { Scope } from "./scope.ts";

const newNet = 0x4000_0000;

let enter: ((descriptor: number) => void) | undefined;
let own: number | undefined;

function setNamespace(descriptor: number): void {
  enter ??= (() => {
    const { symbols } = dlopen("libc.so.6", {
      setns: { args: ["i32", "i32"], returns: "i32" },
    });
    return (fd: number) => {
      if (symbols.setns(fd, newNet) !== 0) throw new Error("setns(2) failed");
    };
  })();
  enter(descriptor);
}

export class Namespace {
  readonly name: string;
  readonly #descriptor: number;

  constructor(scope: Scope, host: string) {
    this.name = `${scope.name}-${host}`;
    own ??= openSync("/proc/self/ns/net", "r");
    run("ip", "netns", "add", this.name);
    scope.defer(() => void run("ip", "netns", "del", this.name));
    this.#descriptor = openSync(`/run/netns/${this.name}`, "r");
    scope.defer(() => closeSync(this.#descriptor));
    this.ip("link", "set", "lo", "up");
  }

  /**
   * Runs `make` in this namespace. Its result may be a promise, but sockets created later belong
   * outside.
   */
  within<Value>(make: () => Value): Value {
    setNamespace(this.#descriptor);
    try {
      return make();
    } finally {
      setNamespace(own!);
    }
  }

  /** `ip` for this namespace. */
  ip(...words: readonly string[]): string {
    return run("ip", "-n", this.name, ...words);
  }

  /** Runs a command there. */
  run(...words: readonly string[]): string {
    return run(...this.command(...words));
  }

  /** The words that run a command there; the spawned process keeps its ID. */
  command(...words: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.name, ...words];
  }
}
