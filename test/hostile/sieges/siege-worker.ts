/** A thread of its own for the clients of a siege, so that they do not hold up the peers that measure. */
import { workerData } from 'node:worker_threads';
import { HttpSiege, type SiegeOptions } from '../peers/http-siege.ts';

const { port, options, durationMs } = workerData as {
  readonly port: number;
  readonly options: SiegeOptions;
  readonly durationMs: number;
};
const siege = new HttpSiege(port, options);
setTimeout(() => siege.end(), durationMs);
