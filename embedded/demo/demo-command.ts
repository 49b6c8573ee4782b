import { once } from 'node:events';
import type { Command } from 'commander';
import { errorText } from '../../src/lib/log.ts';
import { DemoReport } from './demo-report.ts';
import { runDemo } from './run-demo.ts';
import type { LocalCluster } from '../cluster/local-cluster.ts';
import { MACHINE_ARGUMENT_HELP, MachineArgumentError, readMachineArgument } from '../../src/cli/machine-argument.ts';
import type { Program } from '../cluster/node-process.ts';
import { declareCommand } from '../../src/cli/commands.ts';

/** The options of `dracpu demo`, as commander fills them in. */
interface DemoOptions {
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly topology?: string;
}

/** This very program, to be started again as node and as driver. */
function ownProgram(): Program {
  const [executable = process.execPath, script = ''] = process.argv;
  return [executable, ...process.execArgv, script];
}

/** Says how to go on by hand and waits to be interrupted. */
async function keepRunning(cluster: LocalCluster, stop: AbortSignal, write: (line: string) => void): Promise<void> {
  const { kubeconfig, cdiDirectory } = cluster.node.ready;
  const pod = (await cluster.listContainers()).at(-1)?.podName;
  write('');
  write(`Everything keeps running until you press Ctrl-C. The kubeconfig is ${kubeconfig}; try`);
  write(`  kubectl --kubeconfig ${kubeconfig} get pods,resourceclaims,resourceslices`);
  write(`  kubectl --kubeconfig ${kubeconfig} delete pod ${pod}`);
  write(`  cat ${cdiDirectory}/*.json`);
  if (!stop.aborted) await once(stop, 'abort');
}

/** Ends the command before anything is started for a machine that is none. */
function checkMachine({ topology }: DemoOptions, command: Command): void {
  try {
    if (topology !== undefined) readMachineArgument(topology);
  } catch (error) {
    if (!(error instanceof MachineArgumentError)) throw error;
    command.error(error.message, { exitCode: 2 });
  }
}

async function runDemoCommand({ json = false, keep = false, topology }: DemoOptions): Promise<void> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // With --json standard output is for the document alone.
  const write = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const report = new DemoReport(write);
  try {
    await runDemo({
      program: ownProgram(),
      report,
      stop: stop.signal,
      ...(topology === undefined ? {} : { topology }),
      ...(keep ? { onEnd: (cluster) => keepRunning(cluster, stop.signal, write) } : {}),
    });
  } catch (error) {
    report.check('the demo runs to its end', false, errorText(error));
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  if (stop.signal.aborted && !keep) report.check('the demo runs to its end', false, 'it was interrupted');
  const { document } = report;
  write('');
  write(`${document.passed} checks passed, ${document.failed} failed`);
  if (json) process.stdout.write(`${JSON.stringify(document)}\n`);
  process.exitCode = document.failed === 0 ? 0 : 1;
}

/** Adds `demo`: the main job on this machine, or on one that is only described, against an embedded node. */
export function addDemoCommand(program: Command): void {
  declareCommand(program, 'demo')
    .option('--json', 'print one JSON document on standard output and the story on standard error')
    .option('--keep', 'leave everything running at the end, until Ctrl-C')
    .option('--topology <machine>', `a machine to show instead: ${MACHINE_ARGUMENT_HELP}`)
    .action((options: DemoOptions, command: Command) => {
      checkMachine(options, command);
      return runDemoCommand(options);
    });
}
