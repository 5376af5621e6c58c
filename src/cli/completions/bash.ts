// Completions for bash, including 3.2 (macOS). Does not need the bash-completion package.

import { type CompletedCommand, type Values } from "./words.ts";

const driver = `# Offers those of the given words that begin with $value. To readline a word begins after : and =.
_parley_offer() {
  local candidate kept
  kept=\${value%"\${value##*[:=]}"}
  for candidate in "$@"; do
    [[ $candidate == "$value"* ]] || continue
    COMPREPLY+=("\${candidate#"$kept"}")
    [[ $candidate == *= ]] && compopt -o nospace 2>/dev/null
  done
}

_parley_served_files() {
  local name
  while IFS= read -r name; do
    name=$(printf %q "$name")
    [[ $name == "$1"* ]] && COMPREPLY+=("$name")
  done < <("$program" completions files \${server:+"$server"} </dev/null 2>/dev/null)
}

# Lists of words are to be split, and hold nothing to be globbed.
# shellcheck disable=SC2046,SC2086
_parley() {
  local program=$1 line word value flag values server="" command place=1 i
  local -a words
  # As typed: nobody has expanded a tilde in it.
  [[ $program == \\~/* ]] && program=$HOME/\${program#\\~/}
  line=\${COMP_LINE:0:COMP_POINT}
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=\${words[\${#words[@]} - 1]} value=$word flag=\${words[\${#words[@]} - 2]} command=\${words[1]-}
  COMPREPLY=()
  if ((\${#words[@]} <= 2)); then
    _parley_offer $_parley_commands
    return
  fi
  for ((i = 2; i < \${#words[@]} - 1; i++)); do
    case \${words[i]} in
    --server=*) server=\${words[i]#*=} ;;
    --*=*) ;;
    -*)
      _parley_flag "$command" "\${words[i]}"
      [[ -n $values ]] || continue
      i=$((i + 1))
      [[ \${words[i - 1]} == --server ]] && server=\${words[i]}
      ;;
    *:[0-9]*)
      server=\${words[i]}
      [[ $_parley_after_server == *" $command "* ]] || place=$((place + 1))
      ;;
    *) place=$((place + 1)) ;;
    esac
  done
  [[ $word == --*=* ]] && flag=\${word%%=*} value=\${word#*=}
  _parley_flag "$command" "$flag"
  if [[ -z $values ]]; then
    value=$word
    if [[ $word == -* ]]; then
      _parley_offer $(_parley_flags "$command")
      return
    fi
    _parley_argument "$command" "$place"
    # Files are readline's own, which offers them only if there is nothing else.
    if [[ -z $server && $place == 1 && $_parley_after_server == *" $command "* ]] &&
      [[ $values != file || (-n $word && -z $(compgen -f -- "$word")) ]]; then
      _parley_offer $("$program" completions servers 2>/dev/null)
    fi
  fi
  case $values in
  file) ;; # readline's own
  folder) compopt -o dirnames +o default 2>/dev/null ;;
  server) _parley_offer $("$program" completions servers 2>/dev/null) ;;
  served-file) _parley_served_files "\${COMP_WORDS[COMP_CWORD]}" ;;
  none) compopt +o default 2>/dev/null ;;
  *) _parley_offer $values ;;
  esac
}

complete -o default -F _parley parley
`;

export function bashCompletions(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const words = [...names, "help", "--help", "--version"];
  return `# Completes the words of parley in bash:  eval "$(parley completions bash)"

_parley_commands="${words.join(" ")}"

# Commands whose arguments may follow a server's address.
_parley_after_server=" ${commands.flatMap((one) => (one.mayBeginWithServer ? one.name : [])).join(" ")} "

# What completes the value of a flag; empty: it has none.
_parley_flag() {
  case "$1 $2" in
${commands.flatMap(flagCases).join("\n")}
  *) values= ;;
  esac
}

_parley_flags() {
  case $1 in
${commands.map(flagList).join("\n")}
  esac
}

# What completes the argument number $2.
_parley_argument() {
  case "$1 $2" in
${commands.flatMap(wordCases).join("\n")}
  *) values=none ;;
  esac
}

${driver}`;
}

function flagCases({ name, flags }: CompletedCommand): string[] {
  return flags.flatMap(({ long, short, values }) => {
    if (values === undefined) return [];
    const patterns = [long, short].filter(Boolean).map((flag) => `"${name} ${flag}"`);
    return [`  ${patterns.join(" | ")}) values=${valuesText(values)} ;;`];
  });
}

function flagList({ name, flags }: CompletedCommand): string {
  return `  ${name}) echo ${flags.map(({ long }) => long).join(" ")} ;;`;
}

function wordCases({ name, words }: CompletedCommand): string[] {
  return words.map(({ values, isRepeatable }, index) => {
    const place = isRepeatable ? "*" : String(index + 1);
    return `  "${name} "${place}) values=${valuesText(values)} ;;`;
  });
}

function valuesText(values: Values): string {
  return values.kind === "words" ? `"${values.words.join(" ")}"` : `"${values.kind}"`;
}
