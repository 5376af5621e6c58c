// Which owner is charged for the use by an address or an account.

import { expect, test } from "bun:test";
import { accounts } from "../src/limits.ts";
import { isOfAccounts, ownerAt, ownerOfAccount, strangersAt } from "../src/share-owner.ts";

const keysOf = (shares: readonly { key: string; times: number }[]) =>
  shares.map(({ key, times }) => [key, times]);

test("an address belongs to its networks; stored data belongs to the widest of them", () => {
  expect(keysOf(ownerAt("192.0.2.7").shares)).toEqual([["192.0.2.7", 1]]);
  const { shares, kept } = ownerAt("2001:db8:1:203::9");
  expect(keysOf(shares)).toEqual([
    ["2001:db8:1:203::/64", 1],
    ["2001:db8:1:0200::/56", 4],
    ["2001:db8:1::/48", 8],
  ]);
  expect(keysOf(kept)).toEqual([["2001:db8:1::/48", 1]]);
});

test("an IPv4 address that comes as IPv6 is the same owner; only this machine is exempt", () => {
  expect(ownerAt("::ffff:192.0.2.7")).toEqual(ownerAt("192.0.2.7"));
  expect(ownerAt("::ffff:127.0.0.1")).toEqual(ownerAt("127.0.0.1"));
  const near = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"];
  for (const address of [...near, "fe80::1", "fd00::1", "::", "128.0.0.1", "::2"]) {
    expect([address, ownerAt(address).shares]).not.toEqual([address, []]);
  }
});

test("an account is one owner wherever its devices are, and part of all accounts of its network", () => {
  const home = ownerOfAccount("ann", "192.0.2.7");
  const away = ownerOfAccount("ann", "2001:db8:1:203::9");
  const [own, all] = home.shares;
  expect(away.shares[0]).toEqual(own!);
  expect(all).toMatchObject({ times: accounts.sharesPerNetwork, label: "192.0.2.7" });
  expect(ownerOfAccount("ben", "192.0.2.7").shares[1]).toEqual(all!);
  expect(ownerOfAccount("ben", "2001:db8:1:500::1").shares[1]).toEqual(away.shares[1]!);
  expect(ownerAt("192.0.2.7").shares.map(({ key }) => key)).not.toContain(all!.key);
  expect(isOfAccounts(all!.key)).toBe(true);
  expect(isOfAccounts("192.0.2.7")).toBe(false);
});

test("loopback is charged nothing, except for guesses; an account there is charged separately", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    expect(ownerAt(address)).toEqual({ shares: [], kept: [] });
    expect(strangersAt(address).shares).toHaveLength(1);
    expect(ownerOfAccount("ann", address).shares).toEqual(
      ownerOfAccount("ann", "192.0.2.7").shares.slice(0, 1),
    );
  }
});
