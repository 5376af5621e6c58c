// The shared folder while a local attacker exchanges its folders for links to elsewhere, thousands
// of times per second.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HttpConnection } from "../bed/http.ts";
import { Namespace } from "../bed/namespace.ts";
import { Process } from "../bed/process.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { python3 } from "../../python.ts";

const here = "127.0.0.1";

/** Repeatedly exchanges two names atomically: renameat2(2) with RENAME_EXCHANGE. */
const exchanging = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
a, b = (name.encode() for name in sys.argv[1:3])
while True:
    if libc.renameat2(-100, a, -100, b, 2) != 0:
        sys.exit("renameat2: %d" % ctypes.get_errno())
`;

world(
  "no exchange of folders for links makes the server hand out a file from outside",
  { needs: ["network", "python3"], slow: true },
  async (scope) => {
    const space = new Namespace(scope, "one");
    const server = await TestServer.start(scope, space, { address: here });
    const outside = scope.folder("outside");
    const sub = join(server.files, "sub");
    mkdirSync(outside);
    mkdirSync(sub);
    writeFileSync(join(outside, "s.txt"), "secret");
    writeFileSync(join(sub, "s.txt"), "public");
    symlinkSync("sub/s.txt", join(server.files, "link"));
    // An unlisted name to exchange with.
    const decoy = scope.folder("decoy");
    symlinkSync(outside, decoy);
    const swapper = new Process(scope, [python3!, "-c", exchanging, sub, decoy]);

    let secrets = 0;
    let served = 0;
    const request = `GET /files/link HTTP/1.1\r\nHost: ${here}\r\n\r\n`;
    const connections = await Promise.all(
      Array.from({ length: 4 }, () => HttpConnection.open(space, here)),
    );
    const startedMs = performance.now();
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() - startedMs < 12_000) {
          connection.write(request.repeat(50));
          for (let i = 0; i < 50; i++) {
            const { status, body } = await connection.answer();
            if (body === "secret") secrets++;
            if (status === 200) served++;
          }
        }
      }),
    );
    assert.ok(!swapper.hasEnded, swapper.output);
    assert.equal(secrets, 0, `${secrets} of ${served} answers were the file outside`);
    assert.ok(served > 100, `only ${served} answers were files`);
  },
);
