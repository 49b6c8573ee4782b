import type { Command, Option } from 'commander';

/** An option as a shell completes it. */
export interface CompletedOption {
  /** As they are typed: "--output", "-o". */
  readonly names: readonly string[];
  readonly summary: string;
  /** The values it may have, where there are few. */
  readonly values: readonly string[];
  /** Whether a value follows; without `values` shells complete file names. */
  readonly takesValue: boolean;
}

/** A command as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Words that may follow it: commands within it, or values of an argument. */
  readonly words: readonly string[];
}

function describeOption({ long, short, description, argChoices, required, optional }: Option): CompletedOption {
  return {
    names: [long, short].filter((name) => typeof name === 'string'),
    summary: description,
    values: argChoices ?? [],
    takesValue: required || optional,
  };
}

/** What there is to complete of a command. */
export function describeForShell(command: Command): CompletedCommand {
  const options = command.options.filter(({ hidden }) => !hidden).map(describeOption);
  const help = { names: ['--help', '-h'], summary: 'display help for the command', values: [], takesValue: false };
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return {
    name: command.name(),
    summary: command.description(),
    options: [...options, help],
    words: [...command.commands.map((each) => each.name()), ...choices],
  };
}
