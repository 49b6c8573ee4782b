import { countFree } from './census.ts';
import type { Choice } from './choice.ts';
import { PlacementError } from './placement-error.ts';
import { compareColumns } from './region.ts';
import { refuseDomain } from './single-domain.ts';
import type { Workspace } from './workspace.ts';

/** How CPUs are chosen of those that are given. @throws PlacementError */
export type Choose = (words: Uint32Array) => Choice;

/** What CPUs of one socket are wanted. */
export interface OneSocketRequest {
  readonly cpus: number;
  /** Many cores are wanted, not few. */
  readonly spread: boolean;
}

/** A choice within one socket. */
interface SocketChoice {
  readonly choice: Choice;
  /** Free CPUs of the socket: of equal choices that in the fullest socket is taken. */
  readonly free: number;
}

/** The CPUs of `words` in each socket with enough of them. */
function listSockets({ before, index }: Workspace, words: Uint32Array, cpus: number) {
  countFree(before, words);
  const { coreOfCpu, coreLeaf, leafCell, cellSocket } = index;
  const found = Array.from(before.socketFree, (free, socket) => ({ free, socket, words: before.freeWords.slice() }));
  for (const [cpu, core] of coreOfCpu.entries()) {
    if (core < 0) continue;
    const own = cellSocket[leafCell[coreLeaf[core] ?? 0] ?? 0];
    const [word, bit] = [cpu >>> 5, 1 << (cpu & 31)];
    for (const one of found) if (one.socket !== own) one.words[word] = (one.words[word] ?? 0) & ~bit;
  }
  return found.filter(({ free }) => free >= cpus);
}

/** Below 0 when `a` is better: even shares where they can be had, then the score, then the fuller socket. */
function compareChoices(a: SocketChoice, b: SocketChoice, spread: boolean): number {
  const isUneven = ({ choice }: SocketChoice) => (choice.rule.kind === 'no-even-shares' ? 1 : 0);
  return isUneven(a) - isUneven(b) || compareColumns(a.choice.score, b.choice.score, spread) || a.free - b.free;
}

/**
 * Chooses within each socket that has CPUs enough, and takes the best of these choices.
 * @throws PlacementError `Unsatisfiable` when no socket has enough, or what the policy throws when none serves it.
 */
export function takeOneSocket(
  workspace: Workspace,
  words: Uint32Array,
  { cpus, spread }: OneSocketRequest,
  choose: Choose,
): Choice {
  const sockets = listSockets(workspace, words, cpus);
  if (sockets.length === 0) return refuseDomain(cpus, 'sockets', workspace.before.socketFree);
  let best: SocketChoice | undefined;
  let failure: PlacementError | undefined;
  for (const { words: own, free } of sockets) {
    try {
      const found = { choice: choose(own), free };
      if (!best || compareChoices(found, best, spread) < 0) best = found;
    } catch (error) {
      if (!(error instanceof PlacementError)) throw error;
      failure ??= error;
    }
  }
  if (best) return best.choice;
  throw failure ?? refuseDomain(cpus, 'sockets', workspace.before.socketFree);
}
