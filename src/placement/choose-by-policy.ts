import { countFree } from './census.ts';
import type { Choice } from './choice.ts';
import { takeDistributed } from './distributed.ts';
import { takeFullCores } from './full-cores.ts';
import { takeOneSocket } from './one-socket.ts';
import { takeOneThreadPerCore } from './one-thread-per-core.ts';
import { takePacked } from './packed.ts';
import type { PlacementRequest } from './placement-request.ts';
import { takeSingleDomain } from './single-domain.ts';
import type { Workspace } from './workspace.ts';

/** Whether many cores are wanted, not few. */
export function isSpread({ policy }: PlacementRequest): boolean {
  return policy === 'spread' || policy === 'one-thread-per-core';
}

/**
 * Chooses by the request's policy among the CPUs of `words`, which must be enough.
 * @throws PlacementError `Unsatisfiable` when they do not have the shape that the policy demands.
 */
export function chooseByPolicy(workspace: Workspace, words: Uint32Array, request: PlacementRequest): Choice {
  const { cpus, singleSocket = false } = request;
  if (!singleSocket) return chooseAnywhere(workspace, words, request);
  return takeOneSocket(workspace, words, { cpus, spread: isSpread(request) }, (own) =>
    chooseAnywhere(workspace, own, request),
  );
}

function chooseAnywhere(workspace: Workspace, words: Uint32Array, request: PlacementRequest): Choice {
  const { cpus, policy } = request;
  switch (policy) {
    case 'distributed':
      return takeDistributed(workspace, words, { cpus, group: request.group ?? 1, nodes: request.nodes });
    case 'full-cores':
      return takeFullCores(workspace, words, { cpus, roundUp: request.roundUp ?? false });
    case 'one-thread-per-core':
      return takeOneThreadPerCore(workspace, words, cpus);
    case 'single-l3':
      return takeSingleDomain(workspace, words, cpus, 'l3Caches');
    case 'single-numa-node':
      return takeSingleDomain(workspace, words, cpus, 'numaNodes');
    case 'single-socket':
      return takeSingleDomain(workspace, words, cpus, 'sockets');
    case 'packed':
    case 'packed-no-l3':
    case 'spread':
      countFree(workspace.before, words);
      return takePacked(workspace, cpus, { alignL3: policy === 'packed', spread: policy === 'spread' });
  }
}
