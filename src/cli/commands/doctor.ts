// `parley doctor`: measures this machine and the path to a server, and gives advice.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ArgsDef, defineCommand, type ParsedArgs } from "citty";
import {
  type Finding,
  machineFindings,
  pathFindings,
  type Verdict,
} from "../../doctor/findings.ts";
import { measureMachine } from "../../doctor/measure-machine.ts";
import { measurePath } from "../../doctor/measure-path.ts";
import { ParleyError } from "../../errors.ts";
import { endedBy, onSignals } from "../../io/end-signals.ts";
import { hostPortText } from "../../io/host-port.ts";
import { say } from "../../terminal/output/diagnostics.ts";
import { jsonLine } from "../../terminal/output/json-line.ts";
import { stdout } from "../../terminal/output/output.ts";
import { harmless, quoted } from "../../text.ts";
import { configFolder, stateFolder } from "../../tls/folders.ts";
import { accessOf, passFlag } from "../access-flags.ts";
import { addressOf, defaultAddress } from "../address.ts";
import {
  existingIdentityOf,
  identityFlag,
  passwordOf,
  serverPasswordFlag,
} from "../identity-flag.ts";
import { plainFlag, surroundings, trusted } from "../trust-flags.ts";

const marks: Readonly<Record<Verdict, string>> = {
  good: "good",
  fair: "fair",
  bad: "bad",
  unknown: "?",
};

const flags = {
  address: {
    type: "positional",
    required: false,
    valueHint: "ADDRESS…",
    description: `HOST:PORT or HOST of the server (default ${hostPortText(defaultAddress)}, if one runs there); a second one helps to tell the kind of NAT`,
  },
  identity: identityFlag,
  "password-file": serverPasswordFlag,
  pass: passFlag,
  plain: plainFlag,
  json: { type: "boolean", description: "Print one JSON object per line instead of text" },
} as const satisfies ArgsDef;

export default defineCommand({
  meta: {
    name: "doctor",
    description:
      "Measure what limits this machine and the path to a server, and say what to do about it",
  },
  args: flags,
  async run({ args }) {
    const interruption = Promise.withResolvers<never>();
    const stopListening = onSignals((signal) => interruption.reject(endedBy(signal)));
    await Promise.race([examine(args), interruption.promise]).finally(stopListening);
  },
});

type Args = ParsedArgs<typeof flags>;

/** Reports this machine, then the path to a server. @throws ParleyError */
async function examine(args: Args): Promise<void> {
  const [first, second, extra] = args._;
  if (extra !== undefined) {
    throw new ParleyError("usage", `${quoted(extra)} is a third address: give at most two`);
  }
  const access = accessOf(passwordOf(args["password-file"]), args.pass);
  const server = (text: string | undefined) => ({
    ...trusted(text === undefined ? defaultAddress : addressOf("", text), {
      plain: args.plain,
      access,
    }),
    identity: existingIdentityOf(args.identity, args.pass),
  });
  const to = server(first);
  const other = second === undefined ? undefined : server(second);
  const report = (finding: Finding) => tell(finding, args.json === true);
  for (const finding of machineFindings(await measureMachine())) report(finding);
  for (const finding of settings()) report(finding);
  if (args.json !== true) say(`Measuring the path to ${hostPortText(to)} …`);
  try {
    const path = await measurePath(to, other);
    for (const finding of pathFindings(path)) report(finding);
  } catch (error) {
    // Without an address this was only a try: findings about this machine are an answer too.
    const isAbsent = error instanceof ParleyError && error.code === "cannot-connect";
    if (first !== undefined || !isAbsent) throw error;
    say("No server runs on this machine: name one to measure the path to it");
  }
}

function tell(finding: Finding, asJson: boolean): void {
  const { check, verdict, says, advice, values } = finding;
  if (asJson) {
    stdout.data(jsonLine({ event: "finding", check, verdict, says, advice, values }));
    return;
  }
  stdout.line(harmless(`${marks[verdict].padEnd(6)}${check.padEnd(13)} ${says}`));
  if (advice !== undefined) stdout.line(harmless(`${" ".repeat(20)}→ ${advice}`));
}

/** The files in use, and the variables that set flags. */
function settings(): Finding[] {
  const where = surroundings();
  const [own, state] = [configFolder(where), stateFolder(where)];
  const files: [what: string, path: string | undefined][] = [
    ["your key", own && join(own, "identity")],
    ["the servers you know", own && join(own, "known_servers")],
    ["the keys of people you know", own && join(own, "known_keys")],
    ["whom you ignore", own && join(own, "ignored")],
    ["a server's key, without --data and --state", state && join(state, "server.pem")],
  ];
  const variables = Object.keys(where.environment).filter(
    (name) => name.startsWith("PARLEY_") && name !== "PARLEY_BIN",
  );
  return [
    ...files.flatMap(([what, path]): Finding[] => {
      if (path === undefined || path === "") return [];
      const exists = existsSync(path);
      const says = `${what}: ${path}${exists ? "" : " (not there yet)"}`;
      return [{ check: "setting", verdict: "good", says, values: { path, exists } }];
    }),
    ...variables.map((name): Finding => {
      const says = `the environment sets ${name}`;
      return { check: "setting", verdict: "good", says, values: { variable: name } };
    }),
  ];
}
