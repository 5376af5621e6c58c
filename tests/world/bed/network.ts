// Hosts around one router, each in its namespace and its own subnet: 10.77.N.0/24 and fd77:N::/64,
// where the router is 1. Nothing leaves these namespaces. Routes, addresses, packet sizes and
// firewalls can change while a test runs.

import { Namespace } from "./namespace.ts";
import type { Scope } from "./scope.ts";
import { until } from "./wait.ts";

/** The interface of every host; the router's have the hosts' names. */
const nic = "eth0";

export class Host {
  readonly space: Namespace;
  readonly #router: Namespace;
  readonly #number: number;
  readonly #name: string;

  constructor(scope: Scope, router: Namespace, name: string, number: number, addresses: number) {
    this.#router = router;
    this.#number = number;
    this.#name = name;
    this.space = new Namespace(scope, name);
    router.ip(
      "link",
      "add",
      "name",
      name,
      "type",
      "veth",
      "peer",
      "name",
      nic,
      "netns",
      this.space.name,
    );
    router.ip("addr", "add", `10.77.${number}.1/24`, "dev", name);
    router.ip("addr", "add", `fd77:${number}::1/64`, "dev", name, "nodad");
    router.ip("link", "set", "dev", name, "up");
    for (let index = 0; index < addresses; index++) {
      this.space.ip("addr", "add", `${this.address(index)}/24`, "dev", nic);
      this.space.ip("addr", "add", `${this.address6(index)}/64`, "dev", nic, "nodad");
    }
    this.space.ip("link", "set", nic, "up");
    this.addRoute();
  }

  /** The host's first address, or another one. */
  address(index = 0): string {
    return `10.77.${this.#number}.${2 + index}`;
  }

  address6(index = 0): string {
    return `fd77:${this.#number}::${2 + index}`;
  }

  /**
   * Packets pass immediately, but for up to a second the kernel does not report the interface as
   * running.
   */
  async isUp(): Promise<void> {
    const state = (): string => this.space.run("cat", `/sys/class/net/${nic}/operstate`).trim();
    await until(() => state() === "up", "the interface to be up");
  }

  /** The default route. */
  addRoute(): void {
    this.space.ip("route", "replace", "default", "via", `10.77.${this.#number}.1`);
    this.space.ip("-6", "route", "replace", "default", "via", `fd77:${this.#number}::1`);
  }

  /** The network of global addresses that this host may give away, without the `::/64`. */
  get globalNetwork(): string {
    return `2001:db8:${this.#number}`;
  }

  /** Routes that network to this host. */
  delegate(): void {
    this.#router.ip("-6", "route", "add", `${this.globalNetwork}::/64`, "via", this.address6());
  }

  /** Gives the host an address that is not a private one. */
  addGlobalAddress(): string {
    const address = `${this.globalNetwork}::1`;
    this.delegate();
    this.space.ip("addr", "add", `${address}/64`, "dev", nic, "nodad");
    return address;
  }

  /** New connections are made from this address. */
  speakFrom(index: number): void {
    const via = ["via", `10.77.${this.#number}.1`, "src", this.address(index)];
    this.space.ip("route", "replace", "default", ...via);
  }

  removeRoute(): void {
    this.space.ip("route", "del", "default");
    this.space.ip("-6", "route", "del", "default");
  }

  /**
   * Like a laptop that changes its network: the old address disappears, and its connections are not
   * notified.
   */
  changeAddress(from: number, to: number): void {
    this.space.ip("addr", "add", `${this.address(to)}/24`, "dev", nic);
    this.space.ip("addr", "del", `${this.address(from)}/24`, "dev", nic);
    if (from === 0) this.space.ip("addr", "replace", `${this.address(to)}/24`, "dev", nic);
    this.addRoute();
  }

  /** The host's bandwidth in both directions, in bits per second. */
  limitRate(bitsPerSecond: number): void {
    const tbf = (space: Namespace, device: string): void => {
      const shape = `tbf rate ${bitsPerSecond}bit burst 64kb latency 50ms`;
      space.run("tc", "qdisc", "replace", "dev", device, "root", ...shape.split(" "));
    };
    tbf(this.space, nic);
    tbf(this.#router, this.#name);
  }

  /** A black hole for large packets: the router silently drops them. */
  makeMtuHole(bytes: number): void {
    this.#router.ip("link", "set", "dev", this.#name, "mtu", String(bytes));
    for (const [tables, kind] of [
      ["iptables", "fragmentation-needed"],
      ["ip6tables", "packet-too-big"],
    ] as const) {
      const protocol = tables === "iptables" ? "icmp" : "icmpv6";
      const type = tables === "iptables" ? "--icmp-type" : "--icmpv6-type";
      this.#router.run(tables, "-A", "OUTPUT", "-p", protocol, type, kind, "-j", "DROP");
    }
  }

  /** Adds a rule to the traffic that the router forwards from this host. */
  block(...rule: readonly string[]): void {
    this.#router.run("iptables", "-A", "FORWARD", "-i", this.#name, ...rule);
  }

  /** Removes such a rule. */
  unblock(...rule: readonly string[]): void {
    this.#router.run("iptables", "-D", "FORWARD", "-i", this.#name, ...rule);
  }
}

export class Network {
  readonly #scope: Scope;
  readonly #router: Namespace;
  #hosts = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#router = new Namespace(scope, "router");
    const forward = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"];
    for (const path of forward) this.#router.run("sh", "-c", `echo 1 > ${path}`);
  }

  /** Adds a host; its name has at most 15 characters. */
  host(name: string, addresses = 1): Host {
    return new Host(this.#scope, this.#router, name, ++this.#hosts, addresses);
  }
}
