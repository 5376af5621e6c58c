// An impostor in place of a server: with another key, or without TLS. Records what it receives.

import type { KeyPair } from "../../src/tls/certificate.ts";

export type FakeServer = Disposable & {
  readonly port: number;
  /** The data it received (inside TLS, if it speaks it). */
  readonly seen: { text: string };
};

/** With a key it speaks TLS; without one it answers everything with `answer`, in plain text. */
export function fakeServer(hostname: string, key?: KeyPair, answer = "hello\n"): FakeServer {
  const seen = { text: "" };
  const listener = Bun.listen({
    hostname,
    port: 0,
    ...(key === undefined ? {} : { tls: { key: key.key, cert: key.cert } }),
    socket: {
      open(socket) {
        if (key === undefined) socket.write(answer);
      },
      data: (_, bytes) => void (seen.text += bytes.toString("latin1")),
    },
  });
  return {
    port: listener.port,
    seen,
    [Symbol.dispose]: () => void listener.stop(true),
  };
}
