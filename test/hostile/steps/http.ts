import { setTimeout as sleep } from 'node:timers/promises';
import { get } from '../peers/http-client.ts';
import { HttpSiege, type SiegeOptions } from '../peers/http-siege.ts';
import { addContainer, runContainer } from '../story/container-calls.ts';
import { makePod } from '../story/make.ts';
import type { Step } from './step.ts';

/** How long a probe may take under a siege, in milliseconds: the kubelet's default patience is 1 s. */
const PROBE_TIMEOUT_MS = 1_000;

const KINDS: readonly [SiegeOptions['kind'], ...SiegeOptions['kind'][]] = [
  'pipelined',
  'never reads',
  'idle',
  'slow headers',
  'garbage',
];

const siege: Step = {
  name: 'HTTP clients keep the port busy',
  weight: 2,
  isAside: true,
  run: async (story, dice) => {
    const { port } = story.world;
    const options: SiegeOptions = {
      kind: dice.oneOf(KINDS),
      connections: dice.oneOf([1, 20, 80]),
      requests: dice.oneOf([1, 20, 200]),
      path: dice.oneOf(['/topology', '/topology.json', '/metrics', '/nowhere']),
    };
    story.inputs += options.connections * options.requests;
    story.note(`siege ${JSON.stringify(options)}`);
    const clients = new HttpSiege(port, options);
    await sleep(30);
    const pod = makePod(story);
    const { clock } = story.world;
    const startMs = clock.nowMs;
    const probes = Promise.all(
      ['/livez', '/healthz'].map(async (path) => {
        const { status } = await get(port, path);
        return { status, durationMs: clock.nowMs - startMs };
      }),
    );
    for (let count = 0; count < 3; count += 1) await runContainer(story, pod, addContainer(pod));
    for (const { status, durationMs } of await probes) {
      if (status !== 200 || durationMs > PROBE_TIMEOUT_MS)
        story.report(
          'I6',
          `a probe under a siege (${options.kind}) was answered ${status} after ${Math.round(durationMs)} ms`,
        );
    }
    clients.end();
  },
};

/** What those do who reach the port. */
export const httpSteps: readonly Step[] = [siege];
