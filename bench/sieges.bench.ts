/**
 * What sieges cost the built driver (test/hostile/sieges): the time of hooks, with what the machine had no CPU for taken off, and the
 * memory above what it had before. One JSON object a line.
 */
import { measureWhile } from '../test/hostile/sieges/measure.ts';
import { startSiegeNode } from '../test/hostile/sieges/siege-node.ts';
import { SIEGES } from '../test/hostile/sieges/sieges.ts';

for (const { name, run } of SIEGES) {
  const story = await startSiegeNode();
  const { p50Ms, p99Ms, maxMs, memoryMiB, lost, failedProbes } = await measureWhile(story, () => run(story));
  const row = (what: string, value: number, unit: string) =>
    console.log(JSON.stringify({ bench: `siege/${name}/${what}`, value: Number(value.toFixed(2)), unit }));
  row('hook-p50', p50Ms, 'ms');
  row('hook-p99', p99Ms, 'ms');
  row('hook-max', maxMs, 'ms');
  row('memory', memoryMiB, 'MiB');
  row('lost-hooks', lost, 'hooks');
  row('failed-probes', failedProbes, 'probes');
  await story.world.destroy();
}
