import type { MachineIndex } from './machine-index.ts';

/** Arrays for the walk, reused from one choice to the next. */
export interface BestFitScratch {
  readonly cells: Int32Array;
  readonly domains: Int32Array;
  readonly l3s: Int32Array;
  readonly l3Listed: Uint8Array;
}

/** Scratch for the machine. */
export function createBestFitScratch(index: MachineIndex): BestFitScratch {
  return {
    cells: new Int32Array(index.cellCount),
    domains: new Int32Array(Math.max(index.nodeCount, index.socketCount)),
    l3s: new Int32Array(index.l3Count),
    l3Listed: new Uint8Array(index.l3Count),
  };
}
