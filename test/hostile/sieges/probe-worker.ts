/** A thread of its own for the kubelet's probes, so that they do not hold up the peers that measure hooks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { get } from '../peers/http-client.ts';

/** Places of the counters in the shared memory. */
export const COUNTERS = { probes: 0, failed: 1, isOver: 2 } as const;

const INTERVAL_MS = 200;
/** The kubelet's default patience. */
const TIMEOUT_MS = 1_000;

/** Probes until told to end. */
async function probe({ port, shared }: { readonly port: number; readonly shared: SharedArrayBuffer }): Promise<void> {
  const counters = new Int32Array(shared);
  while (Atomics.load(counters, COUNTERS.isOver) === 0) {
    for (const path of ['/livez', '/healthz']) {
      const { status, durationMs } = await get(port, path, TIMEOUT_MS);
      Atomics.add(counters, COUNTERS.probes, 1);
      if (status !== 200 || durationMs > TIMEOUT_MS) Atomics.add(counters, COUNTERS.failed, 1);
    }
    await sleep(INTERVAL_MS);
  }
}

if (workerData !== null) await probe(workerData as { readonly port: number; readonly shared: SharedArrayBuffer });
