// A server of nothing but files, for tests of transfers: says welcome to every hello and hands file requests to the service.
// `bun tests/files/file-server.ts FOLDER [PORT] [HOST]` runs one by itself.

import { FileService } from "../../src/server/files/file-service.ts";
import type { FileSession } from "../../src/server/files/file-session.ts";

type Connection = { session: FileSession | undefined; rest: string; unsent: Buffer };

export interface FileServer {
  readonly port: number;
  readonly service: FileService;
  /** Ends all connections at once, as a killed process would. */
  close(): void;
}

export interface FileServerOptions {
  readonly port?: number;
  readonly host?: string;
  readonly offload?: boolean;
  readonly idleMs?: number;
}

/** TCP and UDP on the same port; a free UDP port may be taken for TCP, then another one is tried. */
export async function startFileServer(
  folder: string,
  options: FileServerOptions = {},
): Promise<FileServer> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryStart(folder, options);
    } catch (error) {
      if ((options.port ?? 0) !== 0 || tries === 20) throw error;
    }
  }
}

async function tryStart(folder: string, options: FileServerOptions): Promise<FileServer> {
  const { host = "127.0.0.1", port = 0 } = options;
  const service = await FileService.open({ ...options, folder, host, port });
  const sockets = new Set<Bun.Socket<Connection>>();
  const flush = (socket: Bun.Socket<Connection>) => {
    const written = socket.write(socket.data.unsent);
    socket.data.unsent = socket.data.unsent.subarray(Math.max(0, written));
  };
  const listen = () =>
    Bun.listen<Connection>({
      hostname: host,
      port: service.udpPort,
      socket: {
        open(socket) {
          sockets.add(socket);
          const send = (line: object) => {
            const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
            socket.data.unsent = Buffer.concat([socket.data.unsent, bytes]);
            flush(socket);
          };
          socket.setNoDelay(true);
          socket.data = { session: undefined, rest: "", unsent: Buffer.alloc(0) };
          socket.data.session = service.session(socket.remoteAddress, {
            send,
            waitingBytes: () => socket.data.unsent.length,
          });
        },
        data(socket, bytes) {
          const lines = (socket.data.rest + bytes.toString()).split("\n");
          socket.data.rest = lines.pop() ?? "";
          for (const line of lines) {
            const message = JSON.parse(line) as Record<string, unknown>;
            if (message["type"] === "hello") socket.write('{"type":"welcome","version":1}\n');
            else if (message["type"] === "ping") socket.write('{"type":"pong"}\n');
            else socket.data.session?.handle(message, refOf(message));
          }
        },
        drain: flush,
        close(socket) {
          sockets.delete(socket);
          socket.data.session?.close();
        },
        error() {},
      },
    });
  let listener: ReturnType<typeof listen>;
  try {
    listener = listen();
  } catch (error) {
    service.close();
    throw error;
  }
  return {
    port: service.udpPort,
    service,
    close() {
      listener.stop(true);
      for (const socket of sockets) socket.terminate();
      service.close();
    },
  };
}

function refOf({ ref }: Record<string, unknown>): string | number | undefined {
  return typeof ref === "string" || typeof ref === "number" ? ref : undefined;
}

if (import.meta.main) {
  const [folder = "FILES", port = "0", host = "127.0.0.1"] = process.argv.slice(2);
  const server = await startFileServer(folder, { port: Number(port), host });
  process.stdout.write(`Server listening on ${host}:${server.port}\n`);
}
