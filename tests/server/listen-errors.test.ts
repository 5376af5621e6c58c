// What a port that can't be opened is called.

import { expect, test } from "bun:test";
import { listenOn } from "../../src/server/listen-errors.ts";

test.each(["EMFILE", "ENFILE"])(
  "%s names the port, its flag and the limit to raise",
  async (code) => {
    const place = { transport: "tcp", host: "127.0.0.1", port: 8_000, flag: "--web-port" } as const;
    const opening = listenOn(place, () => {
      throw Object.assign(new Error(`bind ${code} 127.0.0.1`), { code });
    });
    await expect(opening).rejects.toThrow(
      "Too many files are open to listen on port 8000 (--web-port): raise the limit (ulimit -n, LimitNOFILE)",
    );
  },
);
