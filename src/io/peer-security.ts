// Calls between two parleys: dials and accepts them inside TLS, lets both ends prove their
// identity, and learns keys from a parley registry. Knows nothing of turns, texts or files.

import { plainAddress } from "../addresses.ts";
import { fold } from "../chat/names/grammar.ts";
import type { ClientIdentity } from "../client/events.ts";
import { type Contact, encodeBridge, withHeader } from "../cpp/codec.ts";
import type { Peer } from "../cpp/peer.ts";
import type { KeyState, Secured } from "../cpp/peer-event.ts";
import { peer as limits } from "../limits.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { channelBinding } from "../tls/channel-binding.ts";
import type { CallPlan, PeerTrust } from "../tls/peer-trust.ts";
import { ServerTrust } from "../tls/server-trust.ts";
import { onlyTls13 } from "../tls/versions.ts";
import type { PeerHello, PeerRole } from "../trust/peer-hello.ts";
import { Deadline, dial } from "./dial.ts";
import { type Address, hostPortText, type ServerAddress } from "./host-port.ts";
import { isParleyAt } from "./registry-probe.ts";
import { askRegistry } from "./registry-request.ts";
import { type LinkOffer, SecuredLink } from "./secured-link.ts";
import { linkHandlers, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";

/** The requirements of a call between two parleys. */
export type PeerSecurityOptions = {
  readonly identity: ClientIdentity;
  readonly trust: PeerTrust;
  /** For TLS, generated for this run only: the identity is what counts. */
  readonly key: KeyPair;
  readonly id: string;
  readonly duplex: boolean;
  /** Tells the user about a refused call, or a key that can't be stored. */
  say(text: string): void;
  onOffer(connection: number, message: LinkOffer): void;
  onDrained(): void;
  onClosed(connection: number): void;
};

/** The connection that carries a call, inside TLS or not. */
export type PeerWire = Pick<TcpLink, "send" | "end" | "cut" | "pause" | "waitingBytes">;

/** The driver that these calls belong to. */
export type PeerHost = {
  peer(): Peer | undefined;
  /** The port this program listens on. */
  port(): number;
  applyOutputs(): void;
  /** From now on this wire carries the call. */
  use(connection: number, wire: PeerWire): void;
  /** The program does not exit before this link has closed. */
  watch(link: TcpLink): void;
};

export class PeerSecurity {
  readonly #options: PeerSecurityOptions;
  readonly #registry: ServerAddress;
  readonly #host: PeerHost;
  readonly #open = new Map<number, SecuredLink>();
  /** Unknown callers; they are remembered once there is a chat with them. */
  readonly #newCallers = new Map<number, PeerHello>();
  /** The number of callers whose keys are being looked up at the registry. */
  #lookups = 0;
  /** Whether the registry is a parley server. */
  #isOurs: Promise<boolean> | undefined;

  constructor(options: PeerSecurityOptions, registry: ServerAddress, host: PeerHost) {
    this.#options = options;
    this.#registry = registry;
    this.#host = host;
  }

  /** The protected connection of that number; undefined: it is in plain text, or closed. */
  linkOf(connection: number): SecuredLink | undefined {
    return this.#open.get(connection);
  }

  forget(connection: number): void {
    this.#newCallers.delete(connection);
    if (this.#open.delete(connection)) this.#options.onClosed(connection);
  }

  /** `listed`: the registry's key. */
  planFor(id: string, listed: string | undefined): CallPlan {
    return this.#options.trust.planFor(id, listed);
  }

  /**
   * Adds our key, or the request for others', to a message for a parley registry; other registries
   * get the original message.
   */
  async withKeys(message: string): Promise<string> {
    if (!(await this.#isOursNow())) return message;
    return message.startsWith("REGISTER")
      ? withHeader(message, "key", this.#options.identity.key)
      : withHeader(message, "keys", "with-contact");
  }

  #isOursNow(): Promise<boolean> {
    const registry = this.#registry;
    // Nothing else speaks TLS.
    this.#isOurs ??= registry.trust === undefined ? isParleyAt(registry) : Promise.resolve(true);
    return this.#isOurs;
  }

  /** The registry's key for an ID. */
  async #lookUp(id: string): Promise<string | undefined> {
    if (!(await this.#isOursNow())) return undefined;
    const deadline = new Deadline(limits.requestTimeoutMs);
    const message = withHeader(encodeBridge(this.#options.id, id), "keys", "look");
    this.#lookups++;
    const { answer } = await askRegistry(this.#registry, message, deadline);
    this.#lookups--;
    deadline.cancel();
    return "message" in answer && answer.message.type === "BRIDGEACK"
      ? answer.message.key
      : undefined;
  }

  /** The connection counts as open once both ends have identified themselves. */
  dial(
    connection: number,
    at: Address,
    { contact, plan, deadline }: SecuredCall,
  ): Promise<TcpLink | string> {
    // The other end signs this channel with the expected key.
    const trust = new ServerTrust({
      server: hostPortText(at),
      pin: undefined,
      file: undefined,
      say() {},
    });
    const judge = async ({ id, key }: PeerHello): Promise<string | undefined> => {
      if (fold(id) === fold(contact.id) && key === plan.key) return undefined;
      return `whoever is at ${hostPortText(at)} is not ${contact.id}: it has shown another key`;
    };
    return dial({ ...at, trust }, deadline, {
      events: (link) =>
        this.#secure(connection, link, {
          role: "caller",
          judge,
          onOpen: (hello) => {
            if (plan.state === "new") this.#remember(hello);
            const secured = this.#securedBy(hello, plan.state);
            this.#host.peer()?.handleConnected(connection, at.host, performance.now(), secured);
          },
          onFailed: (why) =>
            this.#host.peer()?.handleConnectFailed(connection, why, performance.now(), true),
        }),
    });
  }

  /** The caller speaks TLS: continues inside it, on the same connection. */
  upgrade(socket: Bun.Socket<TcpLink>, connection: number, first: Uint8Array): void {
    const { key, cert } = this.#options.key;
    // Not available once the socket has closed.
    const from = plainAddress(socket.remoteAddress);
    const inner = new TcpLink();
    let isUsed = false;
    const judged: { state: KeyState } = { state: "new" };
    const options: ServerUpgrade = {
      data: inner,
      tls: { key, cert, secureOptions: onlyTls13 },
      isServer: true,
      initialData: first,
      socket: {
        ...linkHandlers,
        handshake: (tls, isComplete) => {
          if (!isComplete) return void tls.terminate();
          isUsed = true;
          const events = this.#secure(connection, inner, {
            role: "called",
            judge: (hello) => this.#judgeCaller(hello, judged),
            onOpen: (hello) => {
              const { state } = judged;
              if (state === "new") this.#newCallers.set(connection, hello);
              this.#host.peer()?.handleSecured(connection, this.#securedBy(hello, state));
            },
            onFailed: (why) => {
              this.#options.say(`A call from ${from} was turned down: ${why}`);
              this.#host.peer()?.handleEnd(connection, performance.now());
            },
            channel: () =>
              inner.attach(
                tls,
                lateEvents(() => events),
                channelBinding(tls),
              ),
          });
        },
        close: (tls) => {
          tls.data.gone();
          if (isUsed) return;
          this.#host.peer()?.handleEnd(connection, performance.now());
          this.#host.applyOutputs();
        },
      },
    };
    const unfinished: PeerWire = {
      send() {},
      pause() {},
      waitingBytes: 0,
      end: () => void socket.terminate(),
      cut: () => void socket.terminate(),
    };
    this.#host.use(connection, unfinished);
    // From now on this socket reports the encrypted bytes, which nobody needs.
    socket.data = new TcpLink();
    if (socket.upgradeTLS(options) === undefined) socket.terminate();
  }

  async #judgeCaller(hello: PeerHello, judged: { state: KeyState }): Promise<string | undefined> {
    // Anyone can call, and each lookup opens a connection of ours.
    if (this.#lookups >= limits.maxLookups) return "too many call at once";
    const verdict = await this.#options.trust.judgeCaller(hello.id, hello.key, () =>
      this.#lookUp(hello.id),
    );
    if ("why" in verdict) return verdict.why;
    judged.state = verdict.state;
    return undefined;
  }

  #remember({ id, key }: PeerHello): void {
    const problem = this.#options.trust.remember(id, key);
    if (problem !== undefined) this.#options.say(problem);
  }

  /** Remembers a caller once there is a chat: mere connections must not fill the file. */
  #rememberChat(connection: number): void {
    const hello = this.#newCallers.get(connection);
    if (hello === undefined || this.#host.peer()?.chatConnection !== connection) return;
    this.#newCallers.delete(connection);
    this.#remember(hello);
  }

  #securedBy({ id, port, duplex }: PeerHello, state: KeyState): Secured {
    return { id, port, state, isDuplex: duplex && this.#options.duplex };
  }

  /** Puts a connection inside TLS to use; returns the handlers of its link's events. */
  #secure(connection: number, link: TcpLink, end: SecuredEnd): TcpLinkEvents {
    const { identity, id, duplex, onOffer, onDrained } = this.#options;
    let isOpen = false;
    end.channel?.();
    const secured = new SecuredLink({
      role: end.role,
      link,
      identity,
      id,
      port: this.#host.port(),
      duplex,
      judge: end.judge,
      onOpen: (hello) => {
        isOpen = true;
        this.#open.set(connection, secured);
        end.onOpen(hello);
        this.#host.applyOutputs();
      },
      onAnnounced: () => {
        this.#host.peer()?.handleAnnounced(connection, performance.now());
        this.#rememberChat(connection);
        this.#host.applyOutputs();
      },
      onData: (bytes) => {
        this.#host.peer()?.handleData(connection, bytes, performance.now());
        this.#rememberChat(connection);
        this.#host.applyOutputs();
      },
      onOffer: (message) => onOffer(connection, message),
      onEnd: (problem) => {
        if (isOpen) this.#host.peer()?.handleEnd(connection, performance.now());
        else end.onFailed(problem ?? "the connection was lost");
        this.forget(connection);
        this.#host.applyOutputs();
      },
    });
    this.#host.use(connection, secured);
    this.#host.watch(link);
    return {
      data: (bytes) => secured.receive(bytes),
      ended: () => secured.handleEnded(),
      drained: () => {
        onDrained();
        this.#host.applyOutputs();
      },
    };
  }
}

type SecuredCall = {
  contact: Contact;
  plan: Extract<CallPlan, { how: "secured" }>;
  deadline: Deadline;
};

/** The parts that differ between the ends of a protected connection. */
type SecuredEnd = {
  role: PeerRole;
  judge: (hello: PeerHello) => Promise<string | undefined>;
  onOpen: (hello: PeerHello) => void;
  onFailed: (why: string) => void;
  /** Attaches the link, if that has not happened yet. */
  channel?: () => void;
};

/** Bun 1.4.5 has both, as `node:tls` needs them, but its types do not. */
type ServerUpgrade = Bun.TLSUpgradeOptions<TcpLink> & {
  isServer: true;
  /** Bytes already read from the connection. */
  initialData: Uint8Array;
};

/** Events of a link that is attached before its handlers are made. */
function lateEvents(events: () => TcpLinkEvents): TcpLinkEvents {
  return {
    data: (bytes) => events().data(bytes),
    ended: () => events().ended(),
    drained: () => events().drained?.(),
  };
}
