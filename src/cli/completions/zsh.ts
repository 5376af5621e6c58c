// Completions for zsh, using its own _arguments.

import type { CompletedCommand, CompletedFlag, Values } from "./words.ts";

export function zshCompletions(commands: readonly CompletedCommand[]): string {
  return `#compdef parley
# Completes the words of parley in zsh: as _parley in a folder of $fpath, or, after compinit,
#   source <(parley completions zsh)

_parley_servers() {
  local -a servers
  servers=(\${(f)"$($program completions servers 2>/dev/null)"})
  compadd -a servers
}

# Completes the servers, and what the given command completes.
_parley_or_server() {
  _parley_servers
  "$@"
}

_parley_served_files() {
  local -a names server
  if [[ -n \${opt_args[--server]} ]]; then server=(\${opt_args[--server]//\\\\:/:})
  elif [[ $line[1] == *:[0-9]* ]]; then server=($line[1])
  fi
  names=(\${(f)"$($program completions files $server </dev/null 2>/dev/null)"})
  compadd -a names
}

_parley() {
  local program=$words[1] curcontext=$curcontext
  # As typed: nobody has expanded a tilde in it.
  [[ $program == \\~/* ]] && program=$HOME/\${program#\\~/}
  local -a commands line
  local -A opt_args
  if (( CURRENT == 2 )); then
    commands=(
${commands.map(({ name, summary }) => `      ${quote(`${name}:${summary}`)}`).join("\n")}
    )
    [[ $PREFIX == -* ]] && compadd -- --help --version && return
    _describe -t commands command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${commands.map(commandCase).join("\n")}
  esac
}

if [[ $funcstack[1] == _parley ]]; then _parley "$@"; else compdef _parley parley; fi
`;
}

function commandCase({ name, flags, words, mayBeginWithServer }: CompletedCommand): string {
  const [first] = words;
  const specs = [
    ...flags.map(flagSpec),
    ...(mayBeginWithServer && first !== undefined
      ? [quote(`1:argument: _parley_or_server ${command(first.values)}`)]
      : []),
    ...words.map(({ values, isRepeatable }, index) => {
      const place = isRepeatable ? "*" : String(index + 1);
      return quote(`${place}:argument:${action(values)}`);
    }),
  ];
  return `  ${name})
    _arguments -S : \\
${specs.map((spec) => `      ${spec}`).join(" \\\n")}
    ;;`;
}

function flagSpec({ long, short, hint, values, description, isRepeatable }: CompletedFlag): string {
  const about = `[${escaped(description)}]`;
  const value = values === undefined ? "" : `:${escaped(hint ?? "")}:${action(values)}`;
  const equals = values === undefined ? "" : "=";
  if (isRepeatable) return quote(`*${long}${equals}${about}${value}`);
  if (short === undefined) return quote(`${long}${equals}${about}${value}`);
  const plus = values === undefined ? "" : "+";
  const rest = quote(`${about}${value}`);
  return `'(${short} ${long})'{${short}${plus},${long}${equals}}${rest}`;
}

function action(values: Values): string {
  if (values.kind === "words") {
    const list = values.words.join(" ");
    const goesOn = values.words.some((word) => word.endsWith("="));
    return goesOn ? `{compadd -S "" -- ${list}}` : `(${list})`;
  }
  return actions[values.kind];
}

/** The same as a command. */
function command(values: Values): string {
  return values.kind === "words" ? `compadd -- ${values.words.join(" ")}` : actions[values.kind];
}

const actions = {
  none: "",
  file: "_files",
  folder: "_files -/",
  server: "_parley_servers",
  "served-file": "_parley_served_files",
};

function escaped(text: string): string {
  return text.replace(/[\\:[\]]/g, String.raw`\$&`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
