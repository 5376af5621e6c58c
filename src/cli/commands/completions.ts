// `parley completions`: prints a shell completion script, generated from the definitions of all
// flags, and answers the queries of those scripts when Tab is pressed.

import { join } from "node:path";
import { defineCommand } from "citty";
import { adminCommands } from "../../chat/admin/admin-command.ts";
import { ParleyError } from "../../errors.ts";
import { logLevels } from "../../terminal/output/diagnostics.ts";
import { stdout } from "../../terminal/output/output.ts";
import { quoted } from "../../text.ts";
import { configFolder } from "../../tls/folders.ts";
import { readIfThere } from "../../tls/read-if-there.ts";
import { knownServerNames } from "../../trust/known-servers.ts";
import { hostPortText } from "../../io/host-port.ts";
import { defaultAddress } from "../address.ts";
import { type CommandTable, commandModels } from "../command-models.ts";
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import { powershellCompletions } from "../completions/powershell.ts";
import { type CompletedCommand, completedCommand } from "../completions/words.ts";
import { zshCompletions } from "../completions/zsh.ts";
import { dialectNames } from "../listen-flag.ts";
import { surroundings } from "../trust-flags.ts";

const scripts: Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
  powershell: powershellCompletions,
};

/** What the scripts query: the servers known to this user, and the files of one. */
const servers = "servers";
const files = "files";

export function completionsCommand(table: CommandTable) {
  return defineCommand({
    meta: {
      name: "completions",
      description:
        "Print the completion script for your shell. " +
        'bash: eval "$(parley completions bash)" in ~/.bashrc. ' +
        "zsh: source <(parley completions zsh) in ~/.zshrc, after compinit. " +
        "fish: parley completions fish > ~/.config/fish/completions/parley.fish. " +
        "PowerShell: parley completions powershell | Out-String | Invoke-Expression in $PROFILE",
    },
    args: {
      shell: {
        type: "positional",
        required: true,
        valueHint: "SHELL",
        description: `${Object.keys(scripts).join(", ")}; or ${servers}, which lists the servers you know, or ${files}, which lists what one of them shares`,
      },
      server: {
        type: "positional",
        required: false,
        valueHint: "ADDRESS",
        description: `With ${files}: the server, whose key must be known already`,
      },
    },
    async run({ args: { shell, server } }) {
      if (shell === files) {
        const { servedNames } = await import("../completions/served-names.ts");
        for await (const name of servedNames(server)) {
          if (!stdout.data(`${name}\n`)) await stdout.relief();
        }
        return;
      }
      if (shell === servers) {
        for (const server of knownServers()) stdout.data(`${server}\n`);
        return;
      }
      const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
      if (script === undefined) {
        const known = Object.keys(scripts).join(", ");
        throw new ParleyError("usage", `Unknown shell ${quoted(shell)}: use one of ${known}`);
      }
      stdout.data(script(await completedCommands(table)));
    },
  });
}

/** Every command of the table, with the completions of its flags and arguments. */
async function completedCommands(table: CommandTable): Promise<CompletedCommand[]> {
  const { classicDialects } = await import("./classic.ts");
  const vocabulary = {
    SHELL: Object.keys(scripts),
    LEVEL: logLevels,
    HOST: ["127.0.0.1", "0.0.0.0"],
    STYLE: ["message", "bare"],
    DIALECT: classicDialects,
    "DIALECT=PORT…": dialectNames.map((name) => `${name}=`),
    "admin COMMAND…": Object.keys(adminCommands),
  };
  const models = await commandModels(table);
  return models.map((model) => completedCommand(model, vocabulary));
}

/** The server on this machine first. */
function knownServers(): string[] {
  const own = hostPortText(defaultAddress);
  const folder = configFolder(surroundings());
  const file = folder === undefined ? "" : join(folder, "known_servers");
  const names = file === "" ? [] : knownServerNames(readableText(file));
  return [own, ...names.filter((name) => name !== own)];
}

/** Empty if there is no such file or it can't be read: pressing Tab shows no errors. */
function readableText(path: string): string {
  try {
    return readIfThere(path) ?? "";
  } catch {
    return "";
  }
}
