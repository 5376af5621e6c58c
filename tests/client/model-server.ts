// A plain, strict server of the native protocol for tests of the client: sessions, counters, one log, mail. What a restart keeps
// is the caller's choice. Refuses whatever the protocol forbids, and counts it, so that a client's mistake cannot hide.

type Fields = Record<string, unknown>;
type Said = { seq: number; from: string; text: string; n: number; secret: string };
type Account = { secret: string; name: string; n: number; mail: Fields[] };
type Connection = { write: (line: string) => void; account: Account | undefined; room: string };

/** Decides whether the message is refused this time: `rate`, `storage`, … or undefined. */
export type Whim = (text: string) => { code: string; retryAfterMs?: number } | undefined;

export class ModelServer {
  epoch: string;
  readonly logs = new Map<string, Said[]>();
  readonly accounts = new Map<string, Account>();
  /** What a client did that a right client never does. */
  readonly violations: string[] = [];
  readonly #connections = new Set<Connection>();
  #whim: Whim;

  constructor(epoch: string, whim: Whim = () => undefined) {
    this.epoch = epoch;
    this.#whim = whim;
  }

  log(room = "lobby"): Said[] {
    let log = this.logs.get(room);
    if (log === undefined) this.logs.set(room, (log = []));
    return log;
  }

  /** The process dies: connections are gone; without `keep` everything else too, and the epoch is another. */
  restart(keep: boolean, epoch: string): void {
    this.#connections.clear();
    if (keep) return;
    this.logs.clear();
    this.accounts.clear();
    this.epoch = epoch;
  }

  connect(write: (line: string) => void): { receive: (line: string) => void; gone: () => void } {
    const connection: Connection = { write, account: undefined, room: "lobby" };
    this.#connections.add(connection);
    // Bytes of a connection that a restart has ended never reach the new process.
    const alive = () => this.#connections.has(connection);
    return {
      receive: (line) => {
        if (alive()) this.#receive(connection, line);
      },
      gone: () => this.#connections.delete(connection),
    };
  }

  #receive(connection: Connection, line: string): void {
    const fields = JSON.parse(line) as Fields;
    const { type } = fields;
    if (type === "hello") return this.#hello(connection, fields);
    if (connection.account === undefined) return this.#violation(`${line} before hello`);
    if (type === "say" || type === "tell")
      return this.#message(connection, connection.account, fields);
    if (type === "ping") return this.#send(connection, { type: "pong" });
    if (type === "enter") {
      connection.room = String(fields.room);
      const seq = this.log(connection.room).length;
      const { room } = connection;
      const { epoch } = this;
      return this.#send(connection, {
        type: "entered",
        room,
        epoch,
        seq,
        recovered: true,
        ref: fields.ref,
      });
    }
    if (type === "bye") return void this.#connections.delete(connection);
    this.#violation(`unknown ${line}`);
  }

  #hello(connection: Connection, fields: Fields): void {
    const secret = String(fields.secret);
    for (const other of this.#connections) {
      if (other.account?.secret === secret) this.#connections.delete(other);
    }
    let account = this.accounts.get(secret);
    if (account === undefined) {
      account = { secret, name: String(fields.name), n: 0, mail: [] };
      this.accounts.set(secret, account);
    }
    connection.account = account;
    connection.room = String(fields.room);
    const log = this.log(connection.room);
    const wants = fields.epoch !== undefined;
    const recovered = fields.epoch === this.epoch;
    this.#send(connection, {
      type: "welcome",
      version: 1,
      server: "model",
      name: account.name,
      room: connection.room,
      secret,
      epoch: this.epoch,
      seq: log.length,
      mail: account.mail.length,
      recovered: recovered || !wants,
      n: account.n,
    });
    if (!wants) return;
    const after = recovered ? Number(fields.seq) : 0;
    for (const said of log.slice(after)) this.#sendSaid(connection, said);
    for (const letter of account.mail.slice(recovered ? Number(fields.mail) : 0)) {
      this.#send(connection, letter);
    }
  }

  #message(connection: Connection, account: Account, fields: Fields): void {
    const n = Number(fields.n);
    if (n <= account.n) return this.#send(connection, { type: "ack", n: account.n });
    if (n !== account.n + 1) {
      return this.#send(connection, { type: "error", code: "protocol", n, message: "gap" });
    }
    const text = String(fields.text);
    const whim = this.#whim(text);
    if (whim !== undefined) {
      const takes = whim.code !== "rate" && whim.code !== "storage";
      if (takes) account.n = n;
      return this.#send(connection, { type: "error", n, message: whim.code, ...whim });
    }
    account.n = n;
    if (fields.type === "tell") {
      this.#deliver(account, fields.to as string[], text);
      return this.#send(connection, { type: "ack", n });
    }
    const log = this.log(connection.room);
    const said = { seq: log.length + 1, from: account.name, text, n, secret: account.secret };
    log.push(said);
    for (const other of this.#connections) {
      if (other.account !== undefined && other.room === connection.room)
        this.#sendSaid(other, said);
    }
    this.#send(connection, { type: "ack", n, seq: said.seq });
  }

  #deliver(from: Account, to: readonly string[], text: string): void {
    for (const account of this.accounts.values()) {
      if (!to.includes(account.name)) continue;
      const mail = account.mail.length + 1;
      const letter = { type: "private", mail, time: 0, from: from.name, to, text };
      account.mail.push(letter);
      for (const other of this.#connections) {
        if (other.account === account) this.#send(other, letter);
      }
    }
  }

  #sendSaid(connection: Connection, { seq, from, text, n }: Said): void {
    this.#send(connection, { type: "message", seq, time: 0, from, text, n });
  }

  #send(connection: Connection, fields: Fields): void {
    connection.write(`${JSON.stringify(fields)}\n`);
  }

  #violation(what: string): void {
    this.violations.push(what);
  }
}
