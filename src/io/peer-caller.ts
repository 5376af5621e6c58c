// Calls another parley: at its addresses and, if that fails or takes a moment, through the server
// of the registry. The first connection over which it has shown the expected key carries the call.

import { fold } from "../chat/names/grammar.ts";
import { type Contact, hostPort } from "../cpp/codec.ts";
import type { CallPath } from "../cpp/peer-event.ts";
import { ParleyError } from "../errors.ts";
import { calls as limits } from "../limits.ts";
import type { CallPlan } from "../tls/peer-trust.ts";
import { ServerTrust } from "../tls/server-trust.ts";
import type { PeerHello } from "../trust/peer-hello.ts";
import { CallAttempts } from "./call-attempts.ts";
import { type Deadline, dial } from "./dial.ts";
import { hostPortText } from "./host-port.ts";
import { type CallWire, type RelayedCalls, RelayedLink } from "./relayed-link.ts";
import type { TcpLinkEvents } from "./tcp-link.ts";

export type SecuredCall = {
  readonly contact: Contact;
  readonly plan: Extract<CallPlan, { how: "secured" }>;
  readonly deadline: Deadline;
  /** The contact's numeric addresses that may be tried, or why there are none. */
  readonly addresses: readonly string[] | string;
};

/** Why there is no call. `isUntrusted`: somebody without the expected key has answered. */
export type CallFailure = { readonly why: string; readonly isUntrusted: boolean };

/** How the other end was reached. */
export type CallWay = { readonly address: string; readonly path: CallPath };

/** The caller's end of one connection. */
export type CallerEnd = {
  readonly attempts: CallAttempts;
  judge(hello: PeerHello): Promise<string | undefined>;
  /** This connection carries the call. */
  onOpen(hello: PeerHello): void;
  /** `isFinal`: no other connection would help. */
  onFailed(why: string, isFinal: boolean): void;
};

export type PeerCallerOptions = {
  /** The way through the server. */
  readonly calls: RelayedCalls;
  /** Whether the registry is a parley. */
  isOurs(): Promise<boolean>;
  /** Lets both ends of a connection inside TLS identify themselves. */
  secure(link: CallWire, end: CallerEnd): TcpLinkEvents;
  opened(hello: PeerHello, way: CallWay): void;
};

/** Calls once. `attempts`: closed when the program ends. Returns why there is no connection. */
export async function callPeer(
  call: SecuredCall,
  attempts: CallAttempts,
  options: PeerCallerOptions,
): Promise<CallFailure | undefined> {
  const caller = new Caller(call, attempts, options);
  const outcome = await Promise.race([caller.call(), attempts.over]);
  if (outcome === "won") return undefined;
  // Connections that were closed report nothing more.
  return outcome === "given up"
    ? (untrusted(attempts) ?? unreachable(call.contact, outcome))
    : outcome;
}

function untrusted({ untrusted: why }: CallAttempts): CallFailure | undefined {
  return why === undefined ? undefined : { why, isUntrusted: true };
}

export function unreachable(contact: Contact, why: string): CallFailure {
  return { why: `cannot reach ${contact.id} at ${hostPort(contact)}: ${why}`, isUntrusted: false };
}

class Caller {
  readonly #call: SecuredCall;
  readonly #attempts: CallAttempts;
  readonly #options: PeerCallerOptions;

  constructor(call: SecuredCall, attempts: CallAttempts, options: PeerCallerOptions) {
    this.#call = call;
    this.#attempts = attempts;
    this.#options = options;
  }

  /** Resolves once every way has failed, or another connection carries the call. */
  async call(): Promise<CallFailure> {
    const direct = this.#direct();
    const [why, notRelayed] = await Promise.all([direct, this.#relayedAfter(direct)]);
    const { contact } = this.#call;
    const also = notRelayed === undefined ? "" : `; nor through the server: ${notRelayed}`;
    return untrusted(this.#attempts) ?? unreachable(contact, `${why}${also}`);
  }

  async #direct(): Promise<string> {
    const { addresses, contact, deadline } = this.#call;
    if (typeof addresses === "string") return addresses;
    let why = "";
    for (const host of addresses) {
      const at = { host, port: contact.port };
      const where = hostPortText(at);
      // The other end signs this channel with the expected key.
      const trust = new ServerTrust({ server: where, pin: undefined, file: undefined, say() {} });
      const failed = Promise.withResolvers<string>();
      const events = (link: CallWire) =>
        this.#secure(link, where, { address: host, path: "direct" }, failed.resolve);
      const outcome = await dial({ ...at, trust }, deadline, { events });
      why = typeof outcome === "string" ? outcome : await failed.promise;
      if (this.#attempts.isOver) break;
    }
    return why;
  }

  /** Undefined: there is no such way. */
  async #relayedAfter(direct: Promise<string>): Promise<string | undefined> {
    if (!(await this.#options.isOurs())) return undefined;
    await Promise.race([direct, Bun.sleep(limits.directMs)]);
    if (this.#attempts.isOver) return undefined;
    const { deadline } = this.#call;
    const failed = Promise.withResolvers<string | undefined>();
    let isOpen = false;
    void deadline.expired.then((why) => {
      if (!isOpen) failed.resolve(why);
    });
    void this.#relayed(failed.resolve, () => (isOpen = true));
    return failed.promise;
  }

  async #relayed(failed: (why: string | undefined) => void, opened: () => void): Promise<void> {
    const { contact, plan } = this.#call;
    try {
      const relayed = await this.#options.calls.call(contact.id, plan.key);
      const link: RelayedLink = new RelayedLink(relayed, undefined, () => {
        opened();
        this.#attempts.forget(link);
        const way = { address: relayed.server, path: "relayed" } as const;
        return this.#secure(link, "the other end of the relayed call", way, failed);
      });
      this.#attempts.add(link);
      await link.closed;
      failed("the connection was lost");
    } catch (error) {
      failed(this.#notRelayed(error));
    }
  }

  /** Why the server does not relay the call. */
  #notRelayed(error: unknown): string | undefined {
    if (!(error instanceof ParleyError)) return String(error);
    if (error.code === "not-found") return `${this.#call.contact.id} is not connected to it`;
    // An older one knows no calls.
    return error.code === "protocol" ? undefined : error.message;
  }

  #secure(
    link: CallWire,
    where: string,
    way: CallWay,
    onFailed: (why: string) => void,
  ): TcpLinkEvents {
    const attempts = this.#attempts;
    const { contact, plan } = this.#call;
    return this.#options.secure(link, {
      attempts,
      judge: async ({ id, key }) => {
        if (fold(id) === fold(contact.id) && key === plan.key) return undefined;
        return `whoever is at ${where} is not ${contact.id}: it has shown another key`;
      },
      onOpen: (hello) => this.#options.opened(hello, way),
      onFailed: (why, isFinal) => {
        attempts.untrusted ??= why;
        if (isFinal) attempts.close();
        onFailed(why);
      },
    });
  }
}
