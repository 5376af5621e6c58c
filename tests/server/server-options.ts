// A quiet server on free ports of this machine, without limits, page or data, for tests.

import type { ServerOptions } from "../../src/server/chat-server.ts";
import { silentLog } from "../silent-log.ts";

export function serverOptions(files: string, more: Partial<ServerOptions> = {}): ServerOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    webPort: undefined,
    files,
    data: undefined,
    rate: 0,
    maxPerAddress: 0,
    extra: [],
    print() {},
    announce() {},
    log: silentLog,
    ...more,
  };
}
