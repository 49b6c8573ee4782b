import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { SiegeOptions } from '../peers/http-siege.ts';
import { NODE_NAME } from '../story/api-objects.ts';
import { addContainer, tryRun } from '../story/container-calls.ts';
import { makePod } from '../story/make.ts';
import type { Story } from '../story/story.ts';

/** Something that keeps the driver busy on purpose. */
export interface Siege {
  /** In one word, for tables of figures. */
  readonly name: string;
  readonly what: string;
  readonly run: (story: Story) => Promise<void>;
}

const HTTP_MS = 3_000;

/** HTTP clients in a thread of their own. */
async function layHttp(story: Story, options: SiegeOptions): Promise<void> {
  const worker = new Worker(new URL('./siege-worker.ts', import.meta.url), {
    workerData: { port: story.world.port, options, durationMs: HTTP_MS },
  });
  await once(worker, 'exit');
}

function http(name: string, what: string, options: SiegeOptions): Siege {
  return { name, what, run: (story) => layHttp(story, options) };
}

const HUGE_LIST = '0-8191,'.repeat(Math.floor(115_000 / 7)).slice(0, -1);

/** What one pod can put into the environment of a container: an entry may have 128 KiB, all together 1.4 MB here. */
const HUGE_ENV: readonly string[] = Array.from({ length: 12 }, (_, index) => `DRA_CPUSET_a${index}=${HUGE_LIST}`);

const hugeEnv: Siege = {
  name: 'huge-env',
  what: '20 containers with 12 variables of 115 kB each',
  run: async (story) => {
    for (let count = 0; count < 20; count += 1) {
      const pod = makePod(story);
      await tryRun(story, pod, addContainer(pod, { env: HUGE_ENV, name: 'huge' }));
    }
  },
};

function names(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    uid: `00000000-0000-4000-8000-${index.toString().padStart(12, '0')}`,
    namespace: 'shop',
    name: `admin-${index}`,
  }));
}

const manyUnknown: Siege = {
  name: 'unknown-claims',
  what: 'a Prepare of 10,000 claims that the API server does not have',
  run: async (story) => void (await story.world.kubelet.prepare(names(10_000), { timeoutMs: 60_000 })),
};

const manyClaims: Siege = {
  name: 'many-claims',
  what: 'a Prepare and an Unprepare of 1,000 claims with administrative access',
  run: async (story) => {
    const { api, kubelet } = story.world;
    const claims = names(1_000);
    for (const { uid, namespace, name } of claims) {
      const result = {
        request: 'cpus0',
        driver: 'dra.cpu',
        pool: NODE_NAME,
        device: 'cpudevnuma000',
        adminAccess: true,
      };
      api.store.put('resourceclaims', {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaim',
        metadata: { uid, namespace, name },
        spec: {},
        status: { allocation: { devices: { results: [result] } } },
      });
    }
    const prepared = [...(await kubelet.prepare(claims, { timeoutMs: 60_000 })).values()];
    const refused = prepared.find(({ ok }) => !ok);
    if (refused && !refused.ok) story.report('I6', `a claim of many was refused: ${refused.error.slice(0, 200)}`);
    await kubelet.unprepare(claims, { timeoutMs: 60_000 });
  },
};

const hugeAnswers: Siege = {
  name: 'huge-answers',
  what: 'claims for which the API server answers with a 4 MiB error',
  run: async (story) => {
    story.world.api.fail([{ target: 'claims', kind: 'huge-error' }]);
    const calls = Array.from({ length: 20 }, (_, index) => story.world.kubelet.prepare(names(index + 1).slice(index)));
    await sleep(2_000);
    story.world.api.heal();
    await Promise.all(calls);
  },
};

/** Nothing: what hooks take when no one means ill. */
const calm: Siege = { name: 'calm', what: 'nothing', run: () => sleep(2_000) };

/** Every siege, as issue lines and docs/security.md have them. */
export const SIEGES: readonly Siege[] = [
  calm,
  http('pipelined', '4,000 pipelined GET /topology on one connection', {
    kind: 'pipelined',
    connections: 1,
    requests: 4_000,
    path: '/topology',
  }),
  http('pipelined-many', '40 connections with 1,000 pipelined GET /metrics each', {
    kind: 'pipelined',
    connections: 40,
    requests: 1_000,
    path: '/metrics',
  }),
  http('never-reads', '60 connections that ask for /topology 1,000 times and never read', {
    kind: 'never reads',
    connections: 60,
    requests: 1_000,
    path: '/topology',
  }),
  http('idle', '200 idle connections', { kind: 'idle', connections: 200, requests: 0, path: '/' }),
  http('slow-headers', '200 connections that never end their headers', {
    kind: 'slow headers',
    connections: 200,
    requests: 0,
    path: '/',
  }),
  hugeEnv,
  manyUnknown,
  manyClaims,
  hugeAnswers,
];
