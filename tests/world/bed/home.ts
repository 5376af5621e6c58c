// A home behind a router like typical home routers: only answers get in, and with NAT all homes
// have the same private network. A machine can move from one home to another.

import type { Host, Network } from "./network.ts";
import { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";

/**
 * `cone`: all datagrams from one port have the same external port, whoever receives them.
 * `symmetric`: a different external port per receiver.
 * `ipv6`: no NAT; there is nothing but IPv6, with an address for others and one for the home.
 */
export type Nat = "cone" | "symmetric" | "ipv6";

const lanNetwork = "192.168.1";

export class Home {
  readonly #scope: Scope;
  readonly #router: Host;
  readonly #isIpv6: boolean;
  #machines = 0;

  constructor(scope: Scope, network: Network, name: string, nat: Nat) {
    this.#scope = scope;
    this.#router = network.host(name);
    this.#isIpv6 = nat === "ipv6";
    const { space } = this.#router;
    space.ip("link", "add", "name", "lan", "type", "bridge");
    space.ip("link", "set", "dev", "lan", "up");
    if (this.#isIpv6) this.#routeIpv6();
    else this.#translate(nat);
    const answers = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"];
    for (const chain of ["FORWARD", "INPUT"]) {
      // Neighbours have to be found.
      if (this.#isIpv6 && chain === "INPUT")
        this.#rule("-A", chain, "-p", "icmpv6", "-j", "ACCEPT");
      this.#rule("-A", chain, "-i", "eth0", ...answers);
      this.#rule("-A", chain, "-i", "eth0", "-j", "DROP");
    }
  }

  #translate(nat: Nat): void {
    const { space } = this.#router;
    space.ip("addr", "add", `${lanNetwork}.1/24`, "dev", "lan");
    space.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    // Without the flag, Linux keeps the port as long as no other connection has it.
    const random = nat === "symmetric" ? ["--random-fully"] : [];
    this.#rule("-t", "nat", "-A", "POSTROUTING", "-o", "eth0", "-j", "MASQUERADE", ...random);
  }

  #routeIpv6(): void {
    const { space } = this.#router;
    this.#router.delegate();
    for (const network of this.#networks) {
      space.ip("addr", "add", `${network}::1/64`, "dev", "lan", "nodad");
    }
    space.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  }

  /** Of IPv6: for everybody, and for the home alone (RFC 4193). */
  get #networks(): string[] {
    const { globalNetwork } = this.#router;
    return [globalNetwork, globalNetwork.replace("2001:db8", "fd99")];
  }

  /** The home's address as seen by others, or those of its machines. */
  get address(): string {
    return this.#isIpv6 ? `${this.#router.globalNetwork}::/64` : this.#router.address();
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

  /** Connects a machine's cable. */
  plug(machine: Namespace, cable: string): void {
    const { space } = this.#router;
    const end = ["peer", "name", "eth0", "netns", machine.name];
    space.ip("link", "add", "name", cable, "type", "veth", ...end);
    space.ip("link", "set", "dev", cable, "master", "lan");
    space.ip("link", "set", "dev", cable, "up");
    const number = 10 + ++this.#machines;
    const addresses = this.#isIpv6
      ? this.#networks.map((network) => [`${network}::${number}/64`, "nodad"])
      : [[`${lanNetwork}.${number}/24`]];
    for (const [address = "", ...flags] of addresses) {
      machine.ip("addr", "add", address, "dev", "eth0", ...flags);
    }
    machine.ip("link", "set", "eth0", "up");
    const router = this.#isIpv6 ? `${this.#router.globalNetwork}::1` : `${lanNetwork}.1`;
    machine.ip(...(this.#isIpv6 ? ["-6"] : []), "route", "replace", "default", "via", router);
  }

  unplug(cable: string): void {
    this.#router.space.ip("link", "del", cable);
  }

  #change(how: string, address: string, what: readonly string[]): void {
    for (const direction of ["-s", "-d"]) {
      this.#rule(how, "FORWARD", direction, address, ...what, "-j", "DROP");
    }
  }

  #rule(...rule: readonly string[]): void {
    this.#router.space.run(this.#isIpv6 ? "ip6tables" : "iptables", "-w", ...rule);
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
