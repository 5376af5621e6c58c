// `parley admin`: sends one operator command to a server, signed with the key of this device, and
// prints the answer.

import { defineCommand } from "citty";
import { flagProblem, readAdminCommand } from "../../chat/admin/admin-command.ts";
import { adminHelp } from "../../chat/admin/admin-help.ts";
import { ParleyError } from "../../errors.ts";
import { hostPortText } from "../../io/host-port.ts";
import { giveOrder, printRows } from "../../terminal/give-order.ts";
import { accessOf, loginFlags } from "../access-flags.ts";
import { addressOf, defaultAddress, isServerTyped, type WrittenAddress } from "../address.ts";
import { orderHint } from "../flags.ts";
import { identityOf, passwordOf } from "../identity-flag.ts";
import { trusted } from "../trust-flags.ts";
import { visitorFlag, visitorOf } from "../visitor-flag.ts";

export default defineCommand({
  meta: { name: "admin", description: "Moderate a server: kick, ban, mute, let in, …" },
  args: {
    command: {
      type: "positional",
      required: false,
      valueHint: orderHint,
      description:
        "The command, such as `kick Bob`; `help` lists them. The first word may be HOST:PORT",
    },
    server: {
      type: "string",
      valueHint: "ADDRESS",
      description: `HOST:PORT or HOST of the server, with #PIN to check its key (default ${hostPortText(defaultAddress)})`,
    },
    for: {
      type: "string",
      valueHint: "TERM",
      description: "ban, mute, pass, token: for how long, such as 30m, 12h, 1d or 2w",
    },
    uses: { type: "string", valueHint: "N", description: "pass: how many people may use it" },
    long: { type: "boolean", description: "who: show addresses and dialects, too" },
    name: visitorFlag,
    ...loginFlags,
    json: { type: "boolean", description: "Print one JSON object per line instead of text" },
  },
  async run({ args }) {
    const { server, words } = readWords(args._, args.server);
    const line = [
      ...words,
      ...(args.for === undefined ? [] : ["--for", args.for]),
      ...(args.uses === undefined ? [] : ["--uses", args.uses]),
      ...(args.long === true ? ["--long"] : []),
    ].join(" ");
    const command =
      line === ""
        ? "Which command? parley admin help lists them"
        : (flagProblem(line.trim().split(/\s+/, 1)[0]!, flagsIn(args)) ?? readAdminCommand(line));
    if (typeof command === "string") throw new ParleyError("usage", command);
    if (command.do === "help") return printRows(adminHelp(), args.json === true);
    // A server that is not open to everybody lets its first owner in by the claim.
    const sendsClaim = command.do === "claim";
    const pass = args.pass ?? (sendsClaim ? command.code : undefined);
    const password = passwordOf(args["password-file"]);
    const access = accessOf(password, pass);
    const visitor = visitorOf(args.name, password);
    try {
      await giveOrder(line, {
        to: { ...trusted(server, { plain: args.plain, access, sendsClaim }), visitor },
        identity: identityOf(args.identity),
        json: args.json === true,
      });
    } catch (error) {
      const isClaim = sendsClaim && args.pass === undefined;
      throw isClaim && isRefusedPass(error) ? notTheClaim : error;
    }
  },
});

/** Flags of single commands: in a command with a text they would become a part of it. */
function flagsIn(args: Partial<Record<"for" | "uses" | "long", unknown>>): string[] {
  return (["for", "uses", "long"] as const).flatMap((name) =>
    args[name] === undefined || args[name] === false ? [] : `--${name}`,
  );
}

/** Such a server knows the claim only as a pass. */
const notTheClaim = new ParleyError(
  "members-only",
  "This is not the claim of this server, or it has been used",
);

function isRefusedPass(error: unknown): boolean {
  return error instanceof ParleyError && error.code === "members-only";
}

/** A name of a command has none of these. An empty word is an address that a script has not set. */
const addressOnly = /^(?:|\S*[:.#]\S*)$/;

/** `[ADDRESS] COMMAND…` */
function readWords(
  words: readonly string[],
  given: string | undefined,
): { server: WrittenAddress; words: readonly string[] } {
  const [first] = words;
  const mayBeAddress = first !== undefined && !isServerTyped("admin", given);
  if (mayBeAddress && addressOnly.test(first)) {
    return { server: addressOf("", first), words: words.slice(1) };
  }
  const server = given === undefined ? defaultAddress : addressOf("--server", given);
  return { server, words };
}
