// Registered names at two servers of one database: an owner is at both with two devices, nobody
// else can use the name, and guesses count at both.

import { expect } from "bun:test";
import { accounts as limits } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

withPostgres(
  "who registers a name at one server logs in at the other, too, at once and later",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    const password = "correct horse battery";
    const desk = await Wire.native(east, "Ann");
    using ben = await Wire.native(west, "Ben");
    desk.send({ type: "register", label: "desk", password, ref: 1 });
    await desk.until(/"type":"registered"/);
    const phone = await Wire.native(west, "Ann", { password, secret: "p".repeat(32) });
    ben.send({ type: "tell", to: ["Ann"], text: "for both", n: 1 });
    await desk.until(/"text":"for both"/);
    await phone.until(/"text":"for both"/);
    phone.send({ type: "set-password", password: `${password}!`, ref: 2 });
    await desk.until(/"type":"bye","reason":"The password was changed/);
    phone.send({ type: "bye" });
    await ben.until(/"type":"left".*"Ann"/);

    // At both servers the name now belongs only to its owner.
    using stranger = await Wire.open(east);
    stranger.send({ type: "hello", version: 2, name: "Ann", secret: "x".repeat(32) });
    await stranger.until(/"code":"password-required"|"password":true/);
    using later = await Wire.native(west, "Ann", { password: `${password}!` });
    later.send({ type: "who", room: "lobby", ref: 3 });
    await later.until(/"names":\["Ann","Ben"\]/);
    const holders = await setting.query<{ folded: string }>(
      "SELECT folded FROM parley.names ORDER BY folded",
    );
    expect(holders.map(({ folded }) => folded)).toEqual(["ann", "ben"]);

    // What has been guessed at one server can't be guessed at the other, once that has heard of it.
    using guesser = await Wire.native(east, "Guesser");
    let guesses = 0;
    const isRefused = async (by: Wire): Promise<boolean> => {
      const ref = `guess ${++guesses}`;
      const offer = ref.padEnd(22, "0").replace(" ", "-");
      by.send({ type: "join-code", offer, number: guesses, ref });
      return (await by.until(new RegExp(`"ref":"${ref}"`))).includes('"code":"rate"');
    };
    while (guesses < limits.guessesPerNetwork - 1) expect(await isRefused(guesser)).toBe(false);
    for (let tries = 1; !(await isRefused(ben)); tries++) {
      // By itself it would allow as many again.
      expect(tries).toBeLessThan(limits.guessesPerNetwork - 1);
      await Bun.sleep(100 * tries);
    }
  },
  180_000,
);
