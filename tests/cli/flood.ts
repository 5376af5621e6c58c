// Sends as fast as a port accepts it, however much that is.

import { patienceMs } from "../until.ts";

const pieceBytes = 64 * 1024;

/**
 * Connects, sends `beginning`, then `totalBytes` of `pattern` unless the other side closes the
 * connection first. Reads the other side's answers and discards them. Returns how many bytes were
 * accepted.
 */
export async function flood(
  port: number,
  beginning: Uint8Array,
  totalBytes: number,
  pattern = "a",
): Promise<number> {
  const piece = Buffer.alloc(pieceBytes, pattern);
  const { promise, resolve } = Promise.withResolvers<void>();
  let sent = 0;
  const pour = (socket: Bun.Socket): void => {
    while (sent < totalBytes) {
      const written = socket.write(piece);
      if (written < 0) return resolve();
      sent += written;
      if (written < piece.length) return;
    }
    socket.end();
    resolve();
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        if (beginning.length > 0) socket.write(beginning);
        pour(socket);
      },
      data() {},
      drain: pour,
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  const timer = setTimeout(resolve, patienceMs);
  await promise;
  clearTimeout(timer);
  socket.terminate();
  return sent;
}
