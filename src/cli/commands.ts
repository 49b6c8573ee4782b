import type { Command } from 'commander';

/** What is built as one file and loaded as one: the daemon with the tools of a node, other tools, the embedded node. */
export type Bundle = 'node' | 'tools' | 'embedded';

/** Every command: the bundle that has it and the line it has in a list of commands. */
export const COMMANDS = {
  topology: { bundle: 'node', summary: "show the machine's sockets, NUMA nodes, caches and cores" },
  plan: { bundle: 'node', summary: 'show which CPUs a request would get, and why' },
  gatherinfo: {
    bundle: 'node',
    summary: 'collect what is needed to understand the driver on this node, without secrets',
  },
  drain: { bundle: 'node', summary: 'list the pods that hold claims, before the driver is removed' },
  introspect: { bundle: 'node', summary: 'describe the driver itself' },
  version: { bundle: 'node', summary: 'print the version' },
  completion: { bundle: 'node', summary: 'print a script with which bash, zsh or fish complete commands and options' },
  validate: {
    bundle: 'tools',
    summary: "check ResourceClaims, templates, DeviceClasses and pods against this driver's rules",
  },
  demo: {
    bundle: 'embedded',
    summary: 'show claims becoming CPUs of real processes on this machine, against an embedded node',
  },
  'embedded-node': {
    bundle: 'embedded',
    summary: 'run a cluster of one node for demos and tests; ends with its standard input',
  },
} as const satisfies Record<string, { bundle: Bundle; summary: string }>;

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;

/** Whether a word of the command line names a command. */
function isCommandName(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(COMMANDS, word);
}

/** The command that the arguments are about, also as in "help topology"; undefined when they name none. */
export function findCommand([first, second]: readonly string[]): CommandName | undefined {
  const word = first === 'help' ? second : first;
  return isCommandName(word) ? word : undefined;
}

/** Adds a command under its name and summary; its options and action are the caller's. */
export function declareCommand(program: Command, name: CommandName): Command {
  return program.command(name).description(COMMANDS[name].summary);
}
