// A download's control connection passes on everything that concerns transfers.

import { expect, test } from "bun:test";
import { ControlClient } from "../../src/files/control-client.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type { TransferMessage } from "../../src/protocol/messages.ts";
import { until } from "../until.ts";

const messages: readonly TransferMessage[] = [
  { type: "tags", transfer: 1, from: 0, data: "" },
  { type: "data", transfer: 1, offset: 0, data: "AAAA" },
  { type: "digest", transfer: 1, sha256: "0".repeat(64) },
  // Without this one, a file that has changed would be saved as zeros.
  { type: "gone", transfer: 1, file: 2 },
  { type: "error", code: "storage", message: "The disk reports an error", transfer: 1 },
];

test("silence of a person is no loss: they may be asleep", async () => {
  let looked = 0;
  const link = {
    isSecured: false,
    exportedKey: () => undefined,
    send() {},
    waitingBytes: 0,
    checkAlive: () => void looked++,
    end() {},
  };
  const control = ControlClient.over(link, "Ann");
  control.checkAlive(1);
  await until(() => {
    control.checkAlive(1);
    return looked > 1;
  });
  expect(control.isClosed).toBe(false);
  control.close();
});

test.each(messages.map((message) => [message.type, message] as const))("%s", (_, message) => {
  const link = {
    isSecured: false,
    exportedKey: () => undefined,
    send() {},
    waitingBytes: 0,
    end() {},
  };
  const control = ControlClient.over(link, "here");
  const heard: TransferMessage[] = [];
  control.onTransferMessage = (one) => heard.push(one);
  control.receive(encodeServer(message).trimEnd());
  control.close();
  expect(heard).toMatchObject([message]);
});
