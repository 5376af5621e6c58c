// Completions for PowerShell, 5.1 and later.

import type { CompletedCommand, Values } from "./words.ts";

const driver = `    $program = $ast.CommandElements[0].ToString()
    $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object { $_.ToString() })
    # Each candidate is a word and what it means.
    $candidates = @()
    $prefix = ''
    if ($words.Count -le 1) {
        $candidates = @($table.PSObject.Properties | ForEach-Object { , @($_.Name, $_.Value.about) })
        $candidates += , @('--help', 'Print help')
        $candidates += , @('--version', 'Print the version')
    }
    elseif ($null -ne $table.($words[1])) {
        $command = $table.($words[1])
        $flag = $words[-1]
        $value = $word
        if ($word -match '^(--[^=]+)=(.*)$') {
            $flag = $Matches[1]
            $value = $Matches[2]
            $prefix = "$flag="
        }
        $values = ($command.flags | Where-Object { $_.names -contains $flag -and $_.values } |
            Select-Object -First 1).values
        if ($null -eq $values) {
            $prefix = ''
            $value = $word
            if ($word -like '-*') {
                $candidates = @($command.flags | ForEach-Object { , @($_.names[0], $_.about) })
            }
            else {
                $places = @($command.words)
                $place = @($words | Select-Object -Skip 2 | Where-Object { $_ -notlike '-*' }).Count
                if ($places.Count -gt 0) { $values = $places[[Math]::Min($place, $places.Count - 1)] }
            }
        }
        if ($values -eq 'file' -or $values -eq 'folder') { return }
        if ($values -eq 'server') { $values = @(& $program completions servers 2>$null) }
        if ($values -eq 'served-file') {
            $server = @($words | Where-Object { $_ -match ':\\d+' } | Select-Object -First 1)
            $server = @($server -replace '^--server=', '')
            # Four characters are single quotes to PowerShell besides the usual one.
            $values = @(& $program completions files @server 2>$null | ForEach-Object {
                if ($_ -match '^\\w[\\w./+-]*$') { $_ }
                else { "'" + ($_ -replace '[\\u0027\\u2018-\\u201b]', '$0$0') + "'" }
            })
        }
        if ($values -and $values -ne 'none') {
            $candidates = @($values | ForEach-Object { , @($_, $_) })
        }
        $word = $value
    }
    $candidates | Where-Object { $_[0] -like "$word*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new(
            $prefix + $_[0], $_[0], 'ParameterValue', $_[1])
    }
}
`;

export function powershellCompletions(commands: readonly CompletedCommand[]): string {
  const table = Object.fromEntries(commands.map((command) => [command.name, entry(command)]));
  return `# Completes the words of parley in PowerShell:
#   parley completions powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName parley -ScriptBlock {
    param($word, $ast, $cursor)
    $table = ConvertFrom-Json @'
${JSON.stringify(table)}
'@
${driver}`;
}

function entry({ summary, flags, words }: CompletedCommand) {
  return {
    about: summary,
    flags: flags.map(({ long, short, values, description: about }) => ({
      names: short === undefined ? [long] : [long, short],
      about,
      ...(values === undefined ? {} : { values: valuesOf(values) }),
    })),
    words: words.map(({ values }) => valuesOf(values)),
  };
}

function valuesOf(values: Values): string | readonly string[] {
  return values.kind === "words" ? values.words : values.kind;
}
