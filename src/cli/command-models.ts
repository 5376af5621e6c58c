// Loads the models of all subcommands, for help, man pages and completions of the whole program.

import type { CommandDef } from "citty";
import { type CommandModel, commandModel } from "./command-model.ts";

export type CommandTable = Readonly<
  Record<string, { description: string; load: () => Promise<{ default: CommandDef }> }>
>;

export function commandModels(table: CommandTable): Promise<CommandModel[]> {
  const models = Object.entries(table).map(async ([name, entry]) => {
    const { default: command } = await entry.load();
    return modelOf(name, command, entry.description);
  });
  return Promise.all(models);
}

/** `summary`: its line in lists of commands. */
export async function modelOf(
  name: string,
  { args, meta }: CommandDef,
  summary = "",
): Promise<CommandModel> {
  const definitions = (await (typeof args === "function" ? args() : args)) ?? {};
  const about = await (typeof meta === "function" ? meta() : meta);
  return commandModel(name, { summary, description: about?.description ?? summary }, definitions);
}
