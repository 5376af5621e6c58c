// A home behind a router with NAT, like typical home routers: all homes have the same private
// network, and only answers get in. A machine can move from one home to another.

import type { Host, Network } from "./network.ts";
import { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";

/**
 * `cone`: all datagrams from one port have the same external port, whoever receives them.
 * `symmetric`: a different external port per receiver.
 */
export type Nat = "cone" | "symmetric";

const lanNetwork = "192.168.1";

export class Home {
  readonly #scope: Scope;
  readonly #router: Host;
  #machines = 0;

  constructor(scope: Scope, network: Network, name: string, nat: Nat) {
    this.#scope = scope;
    this.#router = network.host(name);
    const { space } = this.#router;
    space.ip("link", "add", "name", "lan", "type", "bridge");
    space.ip("addr", "add", `${lanNetwork}.1/24`, "dev", "lan");
    space.ip("link", "set", "dev", "lan", "up");
    space.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    const rules = (table: string, ...rule: readonly string[]): string =>
      space.run("iptables", "-w", "-t", table, "-A", ...rule);
    // Without the flag, Linux keeps the port as long as no other connection has it.
    const random = nat === "symmetric" ? ["--random-fully"] : [];
    rules("nat", "POSTROUTING", "-o", "eth0", "-j", "MASQUERADE", ...random);
    const answers = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"];
    rules("filter", "FORWARD", "-i", "eth0", ...answers);
    rules("filter", "FORWARD", "-i", "eth0", "-j", "DROP");
    rules("filter", "INPUT", "-i", "eth0", ...answers);
    rules("filter", "INPUT", "-i", "eth0", "-j", "DROP");
  }

  /** The home's address as seen by others. */
  get address(): string {
    return this.#router.address();
  }

  /** Drops data between this home and that address. */
  cut(address: string, ...what: readonly string[]): void {
    this.#change("-I", address, what);
  }

  /** Undoes `cut`. */
  restore(address: string, ...what: readonly string[]): void {
    this.#change("-D", address, what);
  }

  /** A new machine in this home; its name has at most 10 characters. */
  machine(name: string): Machine {
    return new Machine(this.#scope, name, this);
  }

  /** Connects a machine's cable; returns the machine's address. */
  plug(machine: Namespace, cable: string): string {
    const { space } = this.#router;
    const address = `${lanNetwork}.${10 + ++this.#machines}`;
    const end = ["peer", "name", "eth0", "netns", machine.name];
    space.ip("link", "add", "name", cable, "type", "veth", ...end);
    space.ip("link", "set", "dev", cable, "master", "lan");
    space.ip("link", "set", "dev", cable, "up");
    machine.ip("addr", "add", `${address}/24`, "dev", "eth0");
    machine.ip("link", "set", "eth0", "up");
    machine.ip("route", "replace", "default", "via", `${lanNetwork}.1`);
    return address;
  }

  unplug(cable: string): void {
    this.#router.space.ip("link", "del", cable);
  }

  #change(how: string, address: string, what: readonly string[]): void {
    for (const direction of ["-s", "-d"]) {
      const rule = ["FORWARD", direction, address, ...what, "-j", "DROP"];
      this.#router.space.run("iptables", "-w", how, ...rule);
    }
  }
}

export class Machine {
  readonly space: Namespace;
  readonly #name: string;
  #home: Home;

  constructor(scope: Scope, name: string, home: Home) {
    this.space = new Namespace(scope, name);
    this.#name = name;
    this.#home = home;
    home.plug(this.space, name);
  }

  /** Moves to another home, like a laptop: its connections are not notified. */
  moveTo(home: Home): void {
    this.#home.unplug(this.#name);
    this.#home = home;
    home.plug(this.space, this.#name);
  }
}
