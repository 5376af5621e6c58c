// Calls between two parleys: makes and accepts them inside TLS, directly or through the server of
// the registry, lets both ends prove their identity, and learns keys from a parley registry. Knows
// nothing of turns, texts or files.

import { plainAddress } from "../addresses.ts";
import type { ClientIdentity } from "../client/events.ts";
import { encodeBridge, withHeader } from "../cpp/codec.ts";
import type { Peer } from "../cpp/peer.ts";
import type { CallPath, KeyState, Secured } from "../cpp/peer-event.ts";
import { RejectionLines } from "../cpp/rejection-lines.ts";
import { peer as limits } from "../limits.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { channelBinding } from "../tls/channel-binding.ts";
import type { CallPlan, PeerTrust } from "../tls/peer-trust.ts";
import { onlyTls13 } from "../tls/versions.ts";
import type { PeerHello, PeerRole } from "../trust/peer-hello.ts";
import { CallAttempts } from "./call-attempts.ts";
import { Deadline } from "./dial.ts";
import type { ServerAddress } from "./host-port.ts";
import { type CallerEnd, type CallFailure, callPeer, type SecuredCall } from "./peer-caller.ts";
import type { RegistryClient } from "./registry-client.ts";
import { isParleyAt } from "./registry-probe.ts";
import {
  type CallWire,
  type RelayedCall,
  type RelayedCalls,
  RelayedLink,
  type ServerState,
} from "./relayed-link.ts";
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
  /** False: calls are made, and their files sent, through the server only. */
  readonly isDirectAllowed: boolean;
  /** The way through the registry's server, if it is a parley. */
  readonly calls: RelayedCalls;
  /** Tells the user about a refused call, or a key that can't be stored. */
  say(text: string): void;
  onOffer(connection: number, message: LinkOffer): void;
  onDrained(): void;
  /** A relayed call goes on after a cut. */
  onBack(connection: number): void;
  onClosed(connection: number): void;
};

/** The connection that carries a call, inside TLS or not. */
export type PeerWire = Pick<TcpLink, "send" | "end" | "cut" | "pause" | "resume" | "waitingBytes">;

/** The driver that these calls belong to. */
export type PeerHost = {
  peer(): Peer | undefined;
  /** The port this program listens on. */
  port(): number;
  applyOutputs(): void;
  /** From now on this wire carries the call. */
  use(connection: number, wire: PeerWire): void;
  /** The program does not exit before this link has closed. */
  watch(link: Pick<TcpLink, "closed">): void;
};

export class PeerSecurity {
  readonly #options: PeerSecurityOptions;
  readonly #registry: ServerAddress;
  readonly #client: RegistryClient;
  readonly #host: PeerHost;
  readonly #open = new Map<number, SecuredLink>();
  /** Unknown callers; they are remembered once there is a chat with them. */
  readonly #newCallers = new Map<number, PeerHello>();
  readonly #rejections = new RejectionLines();
  /** Calls that are being made. */
  readonly #calling = new Set<CallAttempts>();
  /** The number of callers whose keys are being looked up at the registry. */
  #lookups = 0;
  /** Whether the registry is a parley server. Asked once, but again by a registration if not. */
  #isOurs: Promise<boolean> | undefined;

  constructor(options: PeerSecurityOptions, client: RegistryClient, host: PeerHost) {
    this.#options = options;
    this.#client = client;
    this.#registry = client.server;
    this.#host = host;
    options.calls.onCall = (call) => this.#answerRelayed(call);
  }

  /** The protected connection of that number; undefined: it is in plain text, or closed. */
  linkOf(connection: number): SecuredLink | undefined {
    return this.#open.get(connection);
  }

  forget(connection: number): void {
    this.#newCallers.delete(connection);
    if (this.#open.delete(connection)) this.#options.onClosed(connection);
  }

  /** The ID is registered: if the registry is a parley, its server passes calls on. */
  async handleRegistered(): Promise<void> {
    const { calls, id } = this.#options;
    if (await this.#isOursNow()) calls.take(id);
  }

  /** Gives up the calls that are being made. */
  stopCalling(): void {
    for (const attempts of this.#calling) attempts.close();
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
    const registers = message.startsWith("REGISTER");
    // It may have been away when it was asked before.
    if (registers && (await this.#isOurs) === false) this.#isOurs = undefined;
    if (!(await this.#isOursNow())) return message;
    return registers
      ? withHeader(message, "key", this.#options.identity.key)
      : withHeader(message, "keys", "with-contact");
  }

  #isOursNow(): Promise<boolean> {
    const registry = this.#registry;
    // Nothing else has sessions.
    if (this.#client.usesSession) return Promise.resolve(true);
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
    const { answer } = await this.#client.ask(message, deadline);
    this.#lookups--;
    deadline.cancel();
    return "message" in answer && answer.message.type === "BRIDGEACK"
      ? answer.message.key
      : undefined;
  }

  /** Calls a peer; the connection counts as open once both ends have identified themselves. */
  async call(connection: number, call: SecuredCall): Promise<CallFailure | undefined> {
    const attempts = new CallAttempts();
    this.#calling.add(attempts);
    const failure = await callPeer(call, attempts, {
      calls: this.#options.calls,
      isOurs: () => this.#isOursNow(),
      secure: (link, end) => this.#secure(connection, link, { role: "caller", ...end }),
      opened: (hello, { address, path }) => {
        const { state } = call.plan;
        if (state === "new") this.#remember(hello);
        const secured = this.#securedBy(hello, state, path);
        this.#host.peer()?.handleConnected(connection, address, performance.now(), secured);
      },
    });
    attempts.close();
    this.#calling.delete(attempts);
    return failure;
  }

  /** Somebody calls through the server. */
  #answerRelayed(call: RelayedCall): void {
    const connection = this.#host.peer()?.handleAccepted(call.server);
    if (connection === undefined) return call.end();
    let isUsed = false;
    const link = new RelayedLink(call, this.#options.key, () => {
      isUsed = true;
      clearTimeout(hurry);
      return this.#secure(connection, link, this.#calledEnd(connection, "relayed"));
    });
    const hurry = setTimeout(() => link.cut(), limits.proofMs);
    this.#host.use(connection, link);
    this.#host.watch(link);
    void link.closed.then(() => {
      clearTimeout(hurry);
      if (isUsed) return;
      this.#host.peer()?.handleEnd(connection, performance.now());
      this.#host.applyOutputs();
    });
    this.#host.applyOutputs();
  }

  /** The called end of one connection. `from`: where the call comes from. */
  #calledEnd(connection: number, path: CallPath, from = "the server"): SecuredEnd {
    let state: KeyState = "new";
    return {
      role: "called",
      judge: async (hello) => {
        const verdict = await this.#judgeCaller(hello);
        if ("why" in verdict) return verdict.why;
        state = verdict.state;
        return undefined;
      },
      onOpen: (hello) => {
        if (state === "new") this.#newCallers.set(connection, hello);
        this.#host.peer()?.handleSecured(connection, this.#securedBy(hello, state, path));
      },
      onFailed: (why) => {
        const line = `A call from ${from} was rejected: ${why}`;
        this.#report(this.#rejections.take(line, performance.now()));
        this.#host.peer()?.handleEnd(connection, performance.now());
      },
    };
  }

  /** The caller speaks TLS: continues inside it, on the same connection. */
  upgrade(socket: Bun.Socket<TcpLink>, connection: number, first: Uint8Array): void {
    const { key, cert } = this.#options.key;
    // Not available once the socket has closed.
    const from = plainAddress(socket.remoteAddress);
    const inner = new TcpLink();
    let isUsed = false;
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
          inner.attach(
            tls,
            lateEvents(() => events),
            channelBinding(tls),
          );
          const end = this.#calledEnd(connection, "direct", from);
          const events = this.#secure(connection, inner, end);
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
      resume() {},
      waitingBytes: 0,
      end: () => void socket.terminate(),
      cut: () => void socket.terminate(),
    };
    this.#host.use(connection, unfinished);
    // From now on this socket reports the encrypted bytes, which nobody needs.
    socket.data = new TcpLink();
    if (socket.upgradeTLS(options) === undefined) socket.terminate();
  }

  async #judgeCaller({ id, key }: PeerHello): Promise<{ state: KeyState } | { why: string }> {
    // Anyone can call, and each lookup opens a connection of ours. Those who are known need none.
    const isKnown = this.planFor(id, undefined).how !== "plain";
    if (!isKnown && this.#lookups >= limits.maxLookups) return { why: "too many call at once" };
    return this.#options.trust.judgeCaller(id, key, () => this.#lookUp(id));
  }

  #handleServer(connection: number, state: ServerState): void {
    if (state === "unsent") this.#options.say(unsent);
    else this.#host.peer()?.handleServer(connection, state);
    if (state === "back") this.#options.onBack(connection);
    this.#host.applyOutputs();
  }

  #remember({ id, key }: PeerHello): void {
    this.#report(this.#options.trust.remember(id, key));
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined) this.#options.say(problem);
  }

  /** Remembers a caller once there is a chat: mere connections must not fill the file. */
  #rememberChat(connection: number): void {
    const hello = this.#newCallers.get(connection);
    if (hello === undefined || this.#host.peer()?.chatConnection !== connection) return;
    this.#newCallers.delete(connection);
    this.#report(this.#options.trust.rememberCaller(hello.id, hello.key));
  }

  /** Of a relayed call, the address is the server's, and so is the port. */
  #securedBy({ id, port, duplex }: PeerHello, state: KeyState, path: CallPath): Secured {
    const shown = path === "relayed" ? this.#registry.port : port;
    return { id, port: shown, state, isDuplex: duplex && this.#options.duplex, path };
  }

  /** Puts a connection inside TLS to use; returns the handlers of its link's events. */
  #secure(connection: number, link: CallWire, end: SecuredEnd): TcpLinkEvents {
    const { identity, id, duplex, isDirectAllowed, onOffer, onDrained } = this.#options;
    const { attempts } = end;
    let isOpen = false;
    const secured = new SecuredLink({
      role: end.role,
      link,
      identity,
      id,
      port: this.#host.port(),
      duplex,
      isDirectAllowed,
      judge: end.judge,
      onOpen: (hello) => {
        if (attempts?.win(secured) === false) return secured.cut();
        isOpen = true;
        this.#host.use(connection, secured);
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
      onPath: (path) => {
        this.#host.peer()?.handlePath(connection, path);
        this.#host.applyOutputs();
      },
      onEnd: (problem, isFinal) => {
        if (isOpen || problem === undefined) {
          this.#host.peer()?.handleEnd(connection, performance.now());
        } else end.onFailed(problem, isFinal);
        if (isOpen || attempts === undefined) this.forget(connection);
        this.#host.applyOutputs();
      },
    });
    link.watchServer?.((state) => this.#handleServer(connection, state));
    if (attempts === undefined) this.#host.use(connection, secured);
    else attempts.add(secured);
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

const unsent =
  "The connection through the server is lost, and the other end has not received everything";

/** The parts that differ between the ends of a protected connection. */
type SecuredEnd = Omit<CallerEnd, "attempts"> & {
  readonly role: PeerRole;
  /** The caller's: others may be tried at the same time. */
  readonly attempts?: CallAttempts;
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
