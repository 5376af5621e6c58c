// A TCP and UDP relay between a download and its server: forwards everything, and lets a test
// change datagrams, cut connections or silence them.

import { UdpPort } from "../../src/io/udp/udp.ts";

export interface RelayOptions {
  readonly serverPort: number;
  /** Its own address and port; a free port of 127.0.0.1 if absent. */
  readonly host?: string;
  readonly port?: number;
  /**
   * Called with each datagram, merged ones one by one; returns the datagram to send instead, or
   * undefined to drop it.
   */
  toServer?(datagram: Uint8Array): Uint8Array | undefined;
  toClient?(datagram: Uint8Array): Uint8Array | undefined;
}

export interface Relay {
  readonly port: number;
  /** From now on the server sees another address and port. */
  rebind(): Promise<void>;
  /** Closes all TCP connections. */
  cut(): void;
  /**
   * The client's address disappears: everything that uses it now stays silent, without being
   * closed; connections opened from now on work.
   */
  freeze(): void;
  close(): void;
}

/** Where the datagram at `at` ends (docs/transfer.md: the common header). */
function endOf(bytes: Uint8Array, at: number): number {
  return at + 4 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
}

function each(bytes: Uint8Array, pass: (datagram: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; at = endOf(bytes, at)) {
    pass(bytes.slice(at, endOf(bytes, at)));
  }
}

/** If a port is free for UDP but in use for TCP, another one is tried. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryStart(options);
    } catch (error) {
      if ((options.port ?? 0) !== 0 || tries === 20) throw error;
    }
  }
}

async function tryStart(options: RelayOptions): Promise<Relay> {
  const { host = "127.0.0.1", port = 0 } = options;
  const server = { host: "127.0.0.1", port: options.serverPort };
  let client: { address: string; port: number } | undefined;
  let frozenPort = 0;
  const frozen = new Set<unknown>();
  const openUpstream = () =>
    UdpPort.open({
      connect: server,
      onDatagrams: (bytes) =>
        each(bytes, (datagram) => {
          const passed = options.toClient === undefined ? datagram : options.toClient(datagram);
          if (passed === undefined || client === undefined) return;
          front.send(passed, passed.length, client.address, client.port);
        }),
    });
  let upstream = await openUpstream();
  const front = await UdpPort.open({
    host,
    port,
    onDatagrams: (bytes, address, port) => {
      if (port === frozenPort) return;
      client = { address, port };
      each(bytes, (datagram) => {
        const passed = options.toServer === undefined ? datagram : options.toServer(datagram);
        if (passed !== undefined) upstream.send(passed, passed.length);
      });
    },
  });
  type Pipe = { other: Bun.Socket<Pipe> | undefined; waiting: Buffer };
  const pipes = new Set<Bun.Socket<Pipe>>();
  const flush = (socket: Bun.Socket<Pipe>) => {
    const written = socket.write(socket.data.waiting);
    socket.data.waiting = socket.data.waiting.subarray(Math.max(0, written));
  };
  const push = (socket: Bun.Socket<Pipe>, bytes: Buffer) => {
    socket.data.waiting = Buffer.concat([socket.data.waiting, bytes]);
    flush(socket);
  };
  const handlers: Bun.SocketHandler<Pipe> = {
    data(socket, bytes) {
      if (frozen.has(socket)) return;
      const { other } = socket.data;
      if (other === undefined) socket.data.waiting = Buffer.concat([socket.data.waiting, bytes]);
      else push(other, Buffer.from(bytes));
    },
    drain: flush,
    close(socket) {
      pipes.delete(socket);
      socket.data.other?.end();
    },
    error() {},
  };
  const listener = Bun.listen<Pipe>({
    hostname: host,
    port: front.port,
    socket: {
      ...handlers,
      async open(socket) {
        pipes.add(socket);
        socket.data = { other: undefined, waiting: Buffer.alloc(0) };
        const data: Pipe = { other: socket, waiting: Buffer.alloc(0) };
        const other = await Bun.connect<Pipe>({
          hostname: server.host,
          port: server.port,
          data,
          socket: handlers,
        });
        pipes.add(other);
        const { waiting } = socket.data;
        socket.data.waiting = Buffer.alloc(0);
        socket.data.other = other;
        push(other, waiting);
      },
    },
  });
  return {
    port: front.port,
    async rebind() {
      const old = upstream;
      upstream = await openUpstream();
      old.close();
    },
    freeze() {
      for (const socket of pipes) frozen.add(socket);
      frozenPort = client?.port ?? 0;
      client = undefined;
    },
    cut() {
      for (const socket of pipes) socket.terminate();
    },
    close() {
      listener.stop(true);
      for (const socket of pipes) socket.terminate();
      front.close();
      upstream.close();
    },
  };
}
