// The password prompt of a closed server on the terminal, if no file contains the password: every
// command, without echo. The compiled program on a real terminal.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { run, runOnTerminal } from "./run.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("prompt");
const env = { XDG_CONFIG_HOME: join(base, "config"), NO_COLOR: "1" };
const password = "correct horse battery";
let server: Parley;
let address = "";
let pin = "";

beforeAll(async () => {
  mkdirSync(join(base, "files"));
  writeFileSync(join(base, "files", "plan.txt"), "the plan\n");
  writeFileSync(join(base, "password"), `${password}\n`, { mode: 0o600 });
  const flags = ["--files", join(base, "files"), "--state", join(base, "state")];
  const more = ["--password-file", join(base, "password"), "--port", "0", "--no-web", "--json"];
  server = new Parley("server", ...flags, ...more);
  const ready = JSON.parse(await server.line(/"listening"/)) as { port: number; pin: string };
  address = `127.0.0.1:${ready.port}`;
  pin = ready.pin;
});

afterAll(() => server[Symbol.asyncDispose]());

const asked = `Password of the server `;
const answer = (child: { type: (text: string) => void }) => child.type(`${password}\r`);

test.each(["", "#PIN"])("client%s: also after a wrong one", async (suffix) => {
  const to = suffix === "" ? address : `${address}#${pin}`;
  const { code, shown } = await runOnTerminal(["client", to, "--name", "Ann"], {
    env,
    steps: [
      [asked, (child) => child.type("wrong\r")],
      [asked, (child) => child.type(`${password}\r`)],
      ["You are Ann", (child) => child.type("\u0004")],
    ],
  });
  expect(code).toBe(0);
  expect(shown).not.toContain(password);
  expect(shown).toContain("The password is wrong");
});

const withSetsid = skipUnless(Bun.which("setsid") !== null, "needs setsid");

withSetsid("on a terminal that does not control the program, as after `su -c`", async () => {
  const { code, shown, echoes } = await runOnTerminal(["client", address, "--name", "Ann"], {
    env,
    before: 'set -- setsid -w "$@"',
    steps: [
      [asked, answer],
      ["You are Ann", (child) => child.type("\u0004")],
    ],
  });
  expect(shown).not.toContain(password);
  expect({ code, echoes }).toEqual({ code: 0, echoes: true });
});

test("fetch-file and admin", async () => {
  const path = join(base, "saved.txt");
  const steps = [[asked, answer]] as const;
  const fetched = await runOnTerminal(["fetch-file", address, "plan.txt", "-o", path], {
    env,
    steps,
  });
  expect(fetched.code).toBe(0);
  expect(readFileSync(path, "utf8")).toBe("the plan\n");
  const helped = await runOnTerminal(["admin", address, "help"], { env, steps });
  expect(helped).toMatchObject({ code: 0, echoes: true });
  expect(helped.shown).toContain("show this list");
  expect(fetched.shown + helped.shown).not.toContain(password);
});

test("peer, which then registers and leaves", async () => {
  const { code, shown, echoes } = await runOnTerminal(
    ["peer", "--id", "Ann", "--port", "0", "--server", address],
    {
      env,
      steps: [
        [asked, (child) => child.type("wrong\r")],
        ["The password is wrong", () => {}],
        [asked, (child) => child.type(`${password}\r`)],
        ["/quit", (child) => child.type("/register\r")],
        ["Registered as Ann", (child) => child.type("/quit\r")],
      ],
    },
  );
  expect({ code, echoes }).toEqual({ code: 0, echoes: true });
  expect(shown).not.toContain(password);
});

test("peer without an answer ends, and starts as ever where nothing is asked for", async () => {
  const words = ["peer", "--id", "Ann", "--port", "0", "--server"];
  const declined = await runOnTerminal([...words, address], {
    env,
    steps: [[asked, (child) => child.type("\u0004")]],
  });
  expect(declined).toMatchObject({ code: 4, echoes: true });
  const nobody = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const { code, shown } = await runOnTerminal([...words, `127.0.0.1:${nobody.port}`], {
      env,
      steps: [["/quit", (child) => child.type("/quit\r")]],
    });
    expect(code).toBe(0);
    expect(shown).not.toContain("Password");
  } finally {
    nobody.stop(true);
  }
});

test("send-file and fetch-file with a code", async () => {
  const shown = Promise.withResolvers<string>();
  const sent = runOnTerminal(["send-file", address, join(base, "files", "plan.txt"), "--json"], {
    env,
    steps: [
      [asked, answer],
      [`,"addresses"`, (child) => shown.resolve(child.shown())],
    ],
  });
  const words = /"code":"([^"]+)"/.exec(await shown.promise)?.[1] ?? "";
  const path = join(base, "by-code.txt");
  const fetched = await runOnTerminal(["fetch-file", address, "--code", words, "-o", path], {
    env,
    steps: [[asked, answer]],
  });
  expect([fetched.code, (await sent).code]).toEqual([0, 0]);
  expect(readFileSync(path, "utf8")).toBe("the plan\n");
});

test("closing the terminal ends the prompt and the program", async () => {
  const { code } = await runOnTerminal(["client", address, "--name", "Ann"], {
    env,
    steps: [[asked, (child) => child.hangUp()]],
  });
  expect([4, 129]).toContain(code);
});

/** Types half of a password and a key. */
function end(key: string): ReturnType<typeof runOnTerminal> {
  return runOnTerminal(["client", address, "--name", "Ann"], {
    env,
    steps: [[asked, (child) => child.type(`half${key}`)]],
  });
}

test("Ctrl-C and Ctrl-D end the prompt, and the terminal echoes again", async () => {
  expect(await end("\u0003")).toMatchObject({ code: 130, echoes: true });
  const closed = await end("\u0004");
  expect(closed).toMatchObject({ code: 4, echoes: true });
  expect(closed.shown).toContain("--password-file");
});

test("there is no prompt in a pipe", async () => {
  const ended = await run(["client", address, "--name", "Ann"], { input: "hi\n", env });
  expect(ended.code).toBe(4);
  expect(ended.err).not.toContain(asked);
});
