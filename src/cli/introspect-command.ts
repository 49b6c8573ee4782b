import type { Command } from 'commander';
import { describeMetrics } from '../metrics/describe-metrics.ts';

/** Adds `introspect`: what the driver would tell about itself, without a running driver. */
export function addIntrospectCommand(program: Command): void {
  const introspect = program.command('introspect').description('describe the driver itself');
  introspect
    .command('metrics')
    .description('print name, type, stability, help and labels of every dra_cpu_* metric as JSON')
    .action(() => {
      process.stdout.write(`${JSON.stringify(describeMetrics(), undefined, 2)}\n`);
    });
}
