// The devices of one account, at any server: they register the name, log in by key, password and
// token, change the password, add each other by codes, revoke each other, and leave. What an answer
// says has happened in the database, and whoever may no longer act for the account is disconnected
// within some time. Each device receives what is sent to the account, in order and without gaps.

import { accountMark } from "../../../src/chat/accounts/account-store.ts";
import { loginProofText } from "../../../src/trust/login-proof.ts";
import { fakeSignature } from "../../chat/fake-credentials.ts";
import { isSettled } from "../chat/member-lists.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { fail, seal, textOf } from "../chat/truth.ts";
import type { AccountTables } from "./account-tables.ts";
import { JsonClient } from "./json-client.ts";

/** How long a server may keep somebody: longer than a lease, and than a look on a slow link. */
const wrongMs = 30_000;

/** What the devices know of each other, and of the account in the database. */
export class Owner {
  /** The last code that a device has got for another. */
  code = "";
  #passwords = 0;
  #keys = 0;

  constructor(
    readonly name: string,
    readonly tables: AccountTables,
    /** Whether the server can know what the database has. */
    readonly isReachable: (server: ServerProcess) => boolean,
    /** A device is registering the name. */
    readonly registering: () => void,
  ) {}

  newPassword(): string {
    return `password ${++this.#passwords} of ${this.name}`;
  }

  newKey(): string {
    const text = `key ${++this.#keys} of ${this.name}`;
    return new Bun.CryptoHasher("sha256").update(text).digest("base64url");
  }

  get account() {
    return this.tables.named(this.name.toLowerCase());
  }

  /** The account's keys in use. */
  get keys(): readonly string[] {
    const all = this.tables.keysOf(this.account?.id ?? "");
    return all.filter(({ revoked }) => revoked === null).map(({ key }) => key);
  }
}

/** What proves that a session may act for the account. */
type Proof = { readonly key: string } | { readonly passwords: readonly string[] };

export class OwnedDevice extends JsonClient {
  readonly #owner: Owner;
  #key: string;
  /** The password that it uses next, or has set: for the account as far as it knows. */
  #password = "";
  #token: string | undefined;
  /** Once it is logged in as the owner. */
  #proof: Proof | undefined;
  #wrongSinceMs: number | undefined;
  readonly #secret: string;
  /** Under which it logs in. */
  #name = "";
  #isWelcome = false;
  /** The last message that it has heard of a mailbox; undefined: any may come next. */
  #mailbox: string;
  #epoch: string | undefined;
  #mail: number | undefined;

  constructor(
    world: Surroundings,
    owner: Owner,
    label: string,
    address: string,
    /** Otherwise it logs in by password and token. */
    readonly hasKey: boolean,
  ) {
    super(world, label, address);
    this.#owner = owner;
    this.#key = owner.newKey();
    this.#secret = `secret-of-${label}`.padEnd(20, ".");
    this.#mailbox = this.#ownMailbox;
  }

  doSomething(): void {
    const { random } = this.world;
    if (!this.isConnected) {
      if (this.connect()) this.#hello();
      return;
    }
    const dice = random();
    if (dice < 0.02) this.send({ type: "bye" });
    else if (dice < 0.05) this.cut(random() * 3_000, random() * 10_000);
    else if (dice < 0.12) this.send({ type: random() < 0.6 ? "join" : "part", room: "attic" });
    else if (dice < 0.25) this.#tell();
    else if (this.#proof === undefined) this.#becomeOwner();
    else if (dice < 0.35) this.#setPassword();
    else if (dice < 0.55) this.send({ type: "device-code", ref: "code" });
    else if (dice < 0.75) this.#revoke();
    else this.send({ type: "devices", ref: "devices" });
  }

  /** Whether its server still takes it for the owner, which it is not any more. */
  check(): void {
    const { nowMs } = this.world.clock;
    const { server } = this;
    const isQuiet = server !== undefined && this.isQuiet;
    const mayKnow = isQuiet && isSettled(server) && this.#owner.isReachable(server);
    if (!mayKnow || this.#mayStay()) this.#wrongSinceMs = undefined;
    else {
      this.#wrongSinceMs ??= nowMs;
      if (nowMs - this.#wrongSinceMs < wrongMs) return;
      fail(`${this.label} is still connected as ${this.#owner.name}, which is not its name`);
    }
  }

  /** Once healed, and after some time: it has received everything. */
  checkCaughtUp(): void {
    const isReading = this.#isWelcome && this.isQuiet;
    if (!isReading || this.#mail === undefined) return;
    const next = this.world.truth.nextMail(this.#mailbox, this.#mail);
    if (next === undefined || this.world.mailKeptAfter(this.#mailbox, this.#mail) === 0) return;
    fail(`${this.label} has heard ${this.#mail} of ${this.#mailbox}, and not ${next}`);
  }

  /** Without an account. */
  get #ownMailbox(): string {
    return `hash of ${this.#secret}`;
  }

  get #accountMailbox(): string {
    return `${accountMark}${this.#owner.account?.id}`;
  }

  #tell(): void {
    const { truth, random } = this.world;
    const to = [this.world.anyRecipient()];
    const isOwner = this.#proof !== undefined;
    const token = truth.token(this.#name, undefined, to);
    const text = truth.text(token);
    const sealed = seal(text);
    const boxes = { text: "", sealed, copies: isOwner ? sealed.boxes : undefined };
    this.send({ type: "tell", to, ...(random() < 0.5 ? boxes : { text }) });
  }

  /** Whether it reads the mailbox of an account that is deleted. */
  get #isDeleted(): boolean {
    if (!this.#mailbox.startsWith(accountMark)) return false;
    const id = this.#mailbox.slice(accountMark.length);
    return this.#owner.tables.accounts.get(id) === undefined;
  }

  /** From now on, the messages of that mailbox arrive. */
  #reads(mailbox: string): void {
    if (this.#mailbox !== mailbox) this.#mail = undefined;
    this.#mailbox = mailbox;
  }

  #heard(mail: number, text: string): void {
    const { truth } = this.world;
    this.#mayBeRegistered(mail);
    if (this.#isDeleted) {
      // Its own mailbox goes on with these numbers, and so does that of the next account.
      this.#mail = mail;
      return;
    }
    const next = this.#mail === undefined ? mail : truth.nextMail(this.#mailbox, this.#mail);
    if (mail !== next && !this.#areGone(mail)) {
      fail(`${this.label} hears ${mail} of ${this.#mailbox} after ${this.#mail}, not ${next}`);
    }
    this.#mail = mail;
    truth.heardPrivate(this.label, this.#mailbox, mail, text);
  }

  /** Whether nothing is kept between the last message that it has heard, and that one. */
  #areGone(mail: number): boolean {
    const { world } = this;
    const heard = this.#mail ?? mail;
    const kept = world.mailKeptAfter(this.#mailbox, heard);
    return mail > heard && kept === world.mailKeptAfter(this.#mailbox, mail - 1);
  }

  /** What the account got before this device is told of it comes from the account's mailbox. */
  #mayBeRegistered(mail: number): void {
    const isOwn = this.#mailbox === this.#ownMailbox;
    if (!isOwn || this.world.truth.nextMail(this.#mailbox, mail - 1) === mail) return;
    this.#mailbox = this.#accountMailbox;
  }

  #mayStay(): boolean {
    const proof = this.#proof;
    if (proof === undefined) return true;
    const { account, keys } = this.#owner;
    if ("key" in proof) return keys.includes(proof.key);
    return proof.passwords.some((password) => account?.password === `hash of ${password}`);
  }

  protected lost(): void {
    this.#isWelcome = false;
    this.#proof = undefined;
    this.#wrongSinceMs = undefined;
  }

  /** Registers the name, or joins the account that has it. */
  #becomeOwner(): void {
    const { account, code } = this.#owner;
    if (account !== undefined) {
      if (this.hasKey) this.send({ type: "link", code, label: this.label, ref: "link" });
      return;
    }
    // It has logged in beside an account that was deleted meanwhile.
    if (this.#name !== this.#owner.name) return this.send({ type: "bye" });
    this.#owner.registering();
    const password = this.hasKey ? undefined : this.#owner.newPassword();
    const about = this.hasKey ? { label: this.label } : { password, ref: password };
    this.send({ type: "register", remember: true, ...about });
  }

  #setPassword(): void {
    const password = this.#owner.newPassword();
    if (this.#proof !== undefined && "passwords" in this.#proof) {
      this.#proof = { passwords: [...this.#proof.passwords, password] };
    }
    this.send({ type: "set-password", password, remember: true, ref: password });
  }

  #revoke(): void {
    const others = this.#owner.keys.filter((key) => key !== this.#key);
    const key = others[Math.floor(this.world.random() * others.length)];
    if (key !== undefined) this.send({ type: "revoke", key, ref: "revoke" });
  }

  #hello(): void {
    const { name, account, keys } = this.#owner;
    const { random } = this.world;
    const message = { type: "hello", version: 2, secret: this.#secret, copies: true };
    if (this.hasKey) {
      // A device that is revoked gets a new key.
      if (this.#owner.tables.hasEnded(`key ${this.#key}`)) this.#key = this.#owner.newKey();
      const isOwn = account === undefined || keys.includes(this.#key);
      const shown = isOwn ? name : `${name}-${this.label}`;
      this.#name = shown;
      const position = this.#positionIn(account !== undefined && isOwn);
      return this.send({ ...message, ...position, name: shown, identity: { key: this.#key } });
    }
    this.#name = name;
    const current = account?.password?.replace("hash of ", "");
    // Its owner knows what another device has set, or does not.
    if (random() < 0.7 && current !== undefined) this.#password = current;
    const token = random() < 0.5 ? this.#token : undefined;
    const about = { ...message, ...this.#positionIn(account !== undefined), name };
    if (token !== undefined) return this.send({ ...about, token });
    const password = this.#password === "" ? undefined : this.#password;
    this.send({ ...about, password, remember: true });
  }

  /** What it says of the mailbox that it is going to read. */
  #positionIn(isAccount: boolean): { epoch: string; mail: number } | undefined {
    const mailbox = isAccount ? this.#accountMailbox : this.#ownMailbox;
    if (mailbox !== this.#mailbox) this.#mail = undefined;
    if (this.#epoch === undefined || this.#mail === undefined) return undefined;
    return { epoch: this.#epoch, mail: this.#mail };
  }

  protected hear(line: string): void {
    const message = JSON.parse(line);
    const { type, ref, nonce, session, token, code } = message;
    switch (type) {
      case "challenge": {
        const text = loginProofText({ name: this.#name, nonce });
        const signature = fakeSignature(this.#key, text);
        return this.send({ type: "prove", signature });
      }
      case "welcome":
        this.#token = session.token ?? this.#token;
        this.#isWelcome = true;
        this.#epoch = session.epoch;
        if (session.recovered !== true) this.#mail = undefined;
        this.#reads(session.registered === true ? this.#accountMailbox : this.#ownMailbox);
        if (session.registered === true) this.#entered([this.#password]);
        return;
      case "private":
        return this.#heard(message.mail, textOf(message));
      case "registered":
        this.#token = token ?? this.#token;
        // Which goes on with the numbers of its own, and misses nothing.
        this.#mailbox = this.#accountMailbox;
        return this.#entered([this.#answered(ref)]);
      case "password-set":
        this.#token = token ?? this.#token;
        return void this.#answered(ref);
      case "linked":
        if (!this.#owner.tables.hasKnown(`key ${this.#key}`)) fail(`${this.label} is not linked`);
        // It reads its own mailbox until it logs in under the owner's name.
        return this.#entered([]);
      case "device-code":
        this.#owner.code = code;
        return;
      case "error":
        if (ref === undefined) this.#token = undefined;
        return;
    }
  }

  /** The password that it has asked for is, or was, that of the account. */
  #answered(password = ""): string {
    const isKnown = password === "" || this.#owner.tables.hasKnown(`password hash of ${password}`);
    if (!isKnown) fail(`${this.label} was told of a password that the database does not have`);
    this.#password = password;
    return password;
  }

  #entered(passwords: readonly string[]): void {
    this.#proof = this.hasKey ? { key: this.#key } : { passwords };
  }
}
