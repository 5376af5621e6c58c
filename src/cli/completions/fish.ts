// Completions for fish.

import type { CompletedCommand, CompletedFlag, Values } from "./words.ts";

export function fishCompletions(commands: readonly CompletedCommand[]): string {
  return `# Completes the words of parley in fish:
#   parley completions fish > ~/.config/fish/completions/parley.fish

# Whether the command is $argv[1], and, if given, its argument number $argv[2] is next.
function __parley_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]; or return 1
    set -q argv[2]; or return 0
    set -l place (count (string match -v -- '-*' $words[3..-1]))
    test (math $place + 1) -eq $argv[2]
end

function __parley_needs_command
    test (count (commandline -opc)) -eq 1
end

function __parley_served_files
    set -l server (string match -r -- '^.*:\\d+.*$' (commandline -opc)[3..-1])
    set -q server[1]; and set server (string replace -r -- '^--server=' '' $server[1])
    parley completions files $server </dev/null 2>/dev/null
end

complete -c parley -f
${commands
  .map(
    ({ name, summary }) =>
      `complete -c parley -n __parley_needs_command -a ${name} -d ${quote(summary)}`,
  )
  .join("\n")}
complete -c parley -n __parley_needs_command -s h -l help -d 'Print help'
complete -c parley -n __parley_needs_command -s V -l version -d 'Print the version'
${commands.flatMap(commandLines).join("\n")}
`;
}

function commandLines(command: CompletedCommand): string[] {
  const { name, flags, words, mayBeginWithServer } = command;
  const start = `complete -c parley -n '__parley_is ${name}'`;
  const last = words.length;
  return [
    ...flags.map((flag) => `${start} ${flagText(flag)}`),
    ...(mayBeginWithServer
      ? [`complete -c parley -n '__parley_is ${name} 1' -a '(parley completions servers)'`]
      : []),
    ...words.flatMap(({ values, isRepeatable }, index) => {
      const text = valuesText(values);
      if (text === "-x") return [];
      const isAnywhere = index === last - 1 && (index === 0 || isRepeatable);
      const place = isAnywhere ? "" : ` ${index + 1}`;
      return [`complete -c parley -n '__parley_is ${name}${place}' ${text.replace(/^-[xr] /, "")}`];
    }),
  ];
}

function flagText({ long, short, values, description }: CompletedFlag): string {
  const parts = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${long.slice(2)}`,
    ...(values === undefined ? [] : [valuesText(values)]),
    `-d ${quote(description)}`,
  ];
  return parts.join(" ");
}

function valuesText(values: Values): string {
  return values.kind === "words" ? `-x -a ${quote(values.words.join(" "))}` : texts[values.kind];
}

const texts = {
  none: "-x",
  file: "-r -F",
  folder: "-x -a '(__fish_complete_directories)'",
  server: "-x -a '(parley completions servers)'",
  "served-file": "-x -a '(__parley_served_files)'",
};

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, String.raw`\$&`)}'`;
}
