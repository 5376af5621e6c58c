// One end of a code at a server, when it is closed while it connects.

import { expect, test } from "bun:test";
import { CodeLink, type CodeLinkEvents } from "../../src/codes/code-link.ts";
import { ControlClient } from "../../src/files/control-client.ts";
import { welcome } from "../protocol/welcome.ts";

const events: CodeLinkEvents = {
  ready() {},
  channel() {},
  frame() {},
  lost() {},
  ended() {},
  failed() {},
  drained() {},
};

const request = () => ({ type: "open-code", offer: "offer" }) as const;

test("an end that is closed before the server's welcome opens no code", async () => {
  const sent: string[] = [];
  const control = ControlClient.over(
    {
      isSecured: false,
      exportedKey: () => undefined,
      send: (line) => void sent.push(line),
      waitingBytes: 0,
      end() {},
    },
    "here",
  );
  const link = new CodeLink({ host: "127.0.0.1", port: 1 }, request, events);
  const opened = link.open(control);
  await Promise.resolve();
  link.close();
  control.receive(JSON.stringify({ ...welcome(), codes: true }));
  await opened;
  expect([control.isClosed, sent]).toEqual([true, []]);
});
