import type { Command } from 'commander';
import { describeMetrics } from '../metrics/describe-metrics.ts';
import { declareCommand } from './commands.ts';

/** Adds `introspect`: what the driver would tell about itself, without a running driver. */
export function addIntrospectCommand(program: Command): void {
  const introspect = declareCommand(program, 'introspect');
  introspect
    .command('metrics')
    .description('print name, type, stability, help and labels of every dra_cpu_* metric as JSON')
    .action(() => {
      process.stdout.write(`${JSON.stringify(describeMetrics(), undefined, 2)}\n`);
    });
}
