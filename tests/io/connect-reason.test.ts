// Why a connection could not be opened: Bun calls every failure a refusal.

import { afterEach, expect, mock, spyOn, test } from "bun:test";
import { connectReason } from "../../src/io/connect-reason.ts";
import { notConnected, socketReason } from "../../src/io/host-port.ts";

afterEach(() => mock.restore());

const failed = (code: string): Error => Object.assign(new Error("Failed to connect"), { code });

test("a refusal is one if there is a route and it came at once", async () => {
  const refused = failed("ECONNREFUSED");
  expect(await connectReason(refused, "127.0.0.1", 5)).toBe("connection refused");
  expect(await connectReason(refused, "127.0.0.1", 3_100)).toBe(
    "connection refused, or the host is not there",
  );
  expect(await connectReason(failed("ETIMEDOUT"), "127.0.0.1", 3_100)).toBe("timed out");
});

test("without a route nothing has refused anything", async () => {
  spyOn(Bun, "udpSocket").mockImplementation((() =>
    Promise.reject(failed("ENETUNREACH"))) as unknown as typeof Bun.udpSocket);
  const reason = await connectReason(failed("ECONNREFUSED"), "127.0.0.1", 5);
  expect(reason).toBe("network unreachable");
  const to = { host: "192.0.2.1", port: 5 };
  expect(notConnected(to, reason).message).toBe(
    "Cannot connect to 192.0.2.1:5: network unreachable. Is this machine connected to a network?",
  );
});

test("a name that nobody could be asked for is not called misspelled", () => {
  const to = { host: "chat.example", port: 5 };
  const said = (code: string): string => notConnected(to, socketReason(failed(code))).message;
  for (const code of ["EAI_AGAIN", "DNS_ECONNREFUSED", "DNS_ETIMEOUT", "DNS_ESERVFAIL"]) {
    expect(said(code)).toBe(
      "Cannot look up the host 'chat.example': no name server answers. " +
        "Is this machine connected to a network?",
    );
  }
  for (const code of ["ENOTFOUND", "DNS_ENOTFOUND", "DNS_ENODATA"]) {
    expect(said(code)).toBe("Cannot find the host 'chat.example': is it spelled correctly?");
  }
});
