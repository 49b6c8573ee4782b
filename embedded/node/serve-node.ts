import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { errorText } from '../../src/lib/log.ts';
import type { GivenMachine } from '../../src/cli/machine-argument.ts';
import { chooseMachine, type EmbeddedMachine } from './choose-machine.ts';
import { EmbeddedNode, type EmbeddedNodeOptions, type NodeAddresses } from './embedded-node.ts';
import { type NodeCommand, runNodeCommand } from './node-commands.ts';
import { ProcessGuard } from './process-guard.ts';

/** How the process of an embedded node is set up. */
export interface ServeNodeOptions extends Omit<EmbeddedNodeOptions, 'cpus' | 'launcher'> {
  /** This machine by default. */
  readonly machine?: GivenMachine;
  readonly simulateContainers: boolean;
  /** Whether to remove the directory at the end, which whoever made it may not live to do. */
  readonly removeDirectory: boolean;
}

/** The first line that the process writes. */
export interface ReadyLine extends NodeAddresses {
  readonly nodeName: string;
  readonly hostRoot: string;
  /** Linux lists: what containers may have, and all online CPUs. */
  readonly cpus: string;
  readonly online: string;
  /** How CPUs are set: "cgroup v2", "cgroup v1", "taskset" or "simulated". */
  readonly launcher: string;
}

/** A command and which one it is. */
export interface NodeRequest {
  readonly id: number;
  readonly command: NodeCommand;
}

/** What came of a command. */
export type NodeResponse =
  | { readonly id: number; readonly result?: unknown }
  | { readonly id: number; readonly error: string };

function describe(node: EmbeddedNode, machine: EmbeddedMachine, nodeName: string): ReadyLine {
  return {
    ...node.addresses,
    nodeName,
    hostRoot: machine.hostRoot,
    cpus: machine.usable.toString(),
    online: machine.topology.online.toString(),
    launcher: node.runtime.launcherKind ?? '',
  };
}

async function answer(node: EmbeddedNode, line: string, guard: ProcessGuard): Promise<NodeResponse> {
  const { id, command } = JSON.parse(line) as NodeRequest;
  try {
    return { id, result: await runNodeCommand(node, command, guard) };
  } catch (error) {
    return { id, error: errorText(error) };
  }
}

/**
 * Runs an embedded node that obeys commands on `input`, one JSON object a line, and answers each with a line on `output`
 * after a first line that says where everything is. Ends when `input` does, which happens when the parent dies, or on `stop`.
 */
export async function serveNode(
  options: ServeNodeOptions,
  { input, output, stop }: { input: Readable; output: Writable; stop: AbortSignal },
): Promise<void> {
  const machine = chooseMachine(options.machine, options.directory);
  const launcher = machine.isDescribed || options.simulateContainers ? 'simulated' : 'process';
  const node = await EmbeddedNode.start({ ...options, cpus: machine.usable, launcher });
  const guard = new ProcessGuard();
  const write = (line: object) => void output.write(`${JSON.stringify(line)}\n`);
  try {
    write(describe(node, machine, options.nodeName));
    const lines = createInterface({ input });
    stop.addEventListener('abort', () => lines.close(), { once: true });
    if (stop.aborted) return;
    for await (const line of lines) if (line.trim() !== '') write(await answer(node, line, guard));
  } finally {
    guard.end();
    await node.stop();
    if (options.removeDirectory) await rm(options.directory, { recursive: true, force: true });
  }
}
