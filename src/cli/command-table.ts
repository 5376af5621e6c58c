// The table of subcommands; each is loaded when called.

import type { CommandDef } from "citty";
import type { CommandTable } from "./command-models.ts";

// A command's type depends on its flags; the table needs only what all commands have in common.
const load = (module: Promise<{ default: unknown }>): Promise<{ default: CommandDef }> =>
  module as Promise<{ default: CommandDef }>;

export const commands: CommandTable = {
  server: {
    description: "Serve a chat, a shared folder and a page for browsers",
    load: () => load(import("./commands/server.ts")),
  },
  client: {
    description: "Chat in a terminal, or from a pipe",
    load: () => load(import("./commands/client.ts")),
  },
  peer: {
    description: "Call somebody through a registry, and chat between terminals",
    load: () => load(import("./commands/peer.ts")),
  },
  admin: {
    description: "Moderate a server: kick, ban, mute, let in, …",
    load: () => load(import("./commands/admin.ts")),
  },
  "fetch-file": {
    description: "Fetch files and folders from a server, or with a code",
    load: () => load(import("./commands/fetch-file.ts")),
  },
  "send-file": {
    description: "Send files and folders to a person, or with a code",
    load: () => load(import("./commands/send-file.ts")),
  },
  classic: {
    description: "Clients for date-time, calculator, chat-room and greeting servers",
    load: () => load(import("./commands/classic.ts")),
  },
  doctor: {
    description: "Say what limits this machine and the path to a server",
    load: () => load(import("./commands/doctor.ts")),
  },
  completions: {
    description: "Print the completion script for your shell",
    load: async () => {
      const { completionsCommand } = await import("./commands/completions.ts");
      return load(Promise.resolve({ default: completionsCommand(commands) }));
    },
  },
};
