// Ownership of a name, across restarts and from another address.

import assert from "node:assert/strict";
import { Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";

for (const ending of ["stopped", "killed"] as const) {
  world(
    `a name and its mail are their owner's after the server was ${ending} and started again`,
    { needs: ["network"] },
    async (scope) => {
      const network = new Network(scope);
      const host = network.host("server");
      const home = network.host("home").space;
      const elsewhere = network.host("elsewhere").space;
      const flags = ["--data", scope.folder("chat.db")];
      const server = await TestServer.start(scope, host.space, { flags });
      const ann = await Person.login(home, host.address(), { name: "Ann" });
      await ann.say("I am Ann");

      if (ending === "stopped") await server.stop();
      else await server.kill();
      await server.start();

      const stranger = await Person.hello(elsewhere, host.address(), { name: "Ann" });
      assert.equal(stranger.error?.["code"], "name-taken", "a stranger got Ann's name");
      const bob = await Person.login(elsewhere, host.address(), { name: "Bob" });
      await bob.tell("Ann", "for Ann alone");
      const back = await Person.login(home, host.address(), ann.credentials);
      await back.line(({ text }) => text === "for Ann alone", "Ann's mail");
    },
  );
}

world(
  "sessions from very many networks do not make the server forget whose a name is",
  { needs: ["network"], slow: true },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const home = network.host("home").space;
    const elsewhere = network.host("elsewhere");
    const crowd = network.host("crowd", 230);
    // the rate of logins is a separate limit
    await TestServer.start(scope, host.space, { flags: ["--rate", "0"] });
    const ann = await Person.login(home, host.address(), { name: "Ann" });
    const bob = await Person.login(elsewhere.space, host.address(), { name: "Bob" });
    ann.cut();
    await bob.line(({ type, name }) => type === "left" && name === "Ann", "Ann's loss");

    // Users from each of 230 addresses are lost too; more than the server remembers.
    for (let i = 0; i < 230; i++) {
      crowd.speakFrom(i);
      for (let group = 0; group < 3; group++) {
        const hellos = Array.from({ length: 25 }, (_, j) =>
          Person.hello(crowd.space, host.address(), { name: `p${i}-${group}-${j}` }),
        );
        for (const one of await Promise.all(hellos)) one.cut();
      }
    }
    const stranger = await Person.hello(elsewhere.space, host.address(), { name: "Ann" });
    assert.equal(stranger.error?.["code"], "name-taken", "a stranger got Ann's name");
    await Person.login(home, host.address(), ann.credentials);
  },
);
