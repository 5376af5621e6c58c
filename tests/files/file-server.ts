// A file server without chat, for tests of transfers: sends a welcome for every hello and passes
// file requests to the service. `bun tests/files/file-server.ts FOLDER [PORT] [HOST]` runs one.

import { clientAt } from "./client-at.ts";
import { LineSplitter } from "../../src/line-splitter.ts";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type { ServerMessage } from "../../src/protocol/messages.ts";
import { visitorWelcome } from "../protocol/welcome.ts";
import { FileService } from "../../src/server/files/file-service.ts";
import { SharedFolder } from "../../src/server/files/shared-folder.ts";
import type { FileSession } from "../../src/server/files/file-session.ts";

type Connection = { session: FileSession | undefined; lines: LineSplitter; unsent: Buffer };

export interface FileServer {
  readonly port: number;
  readonly service: FileService;
  /** Closes all connections immediately, like a killed process. */
  close(): void;
}

export interface FileServerOptions {
  readonly port?: number;
  readonly host?: string;
  readonly offload?: boolean;
  readonly idleMs?: number;
}

/**
 * TCP and UDP on the same port. If a port is free for UDP but in use for TCP, another one is tried.
 */
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
  const service = await FileService.open({
    ...options,
    folder: new SharedFolder(folder),
    host,
    port,
  });
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
          const send = (message: ServerMessage) => {
            const bytes = Buffer.from(encodeServer(message));
            socket.data.unsent = Buffer.concat([socket.data.unsent, bytes]);
            flush(socket);
          };
          socket.setNoDelay(true);
          socket.data = {
            session: undefined,
            lines: new LineSplitter(131_072),
            unsent: Buffer.alloc(0),
          };
          socket.data.session = service.session(clientAt(socket.remoteAddress), {
            send,
            waitingBytes: () => socket.data.unsent.length,
          });
        },
        data(socket, bytes) {
          socket.data.lines.push(bytes, (line) => {
            const message = decodeClient(line);
            if (message.type === "hello") socket.write(visitorWelcome);
            else if (message.type === "ping") socket.write(encodeServer({ type: "pong" }));
            else if (
              message.type === "fetch" ||
              message.type === "pull" ||
              message.type === "fetched"
            ) {
              socket.data.session?.handle(message);
            }
            return true;
          });
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

if (import.meta.main) {
  const [folder = "FILES", port = "0", host = "127.0.0.1"] = process.argv.slice(2);
  const server = await startFileServer(folder, { port: Number(port), host });
  process.stdout.write(`Server listening on ${host}:${server.port}\n`);
}
