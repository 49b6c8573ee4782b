import type { SliceDevice } from '../../devices/slice-device.ts';
import type { ApiErrorCause } from '../api-status.ts';
import { findDroppedFields, withoutRefused } from './slice-content.ts';
import { layOutSlices, type StoredSlice } from './slice-pool.ts';

/** Refusals of the same devices that are answered by leaving something out. */
const REDUCTIONS_MAX = 8;

/** The devices of a pool as far as the cluster takes them, and what it did not take. */
export class PoolContent {
  readonly devices: readonly SliceDevice[];
  /** Why these are less than what was asked for. */
  readonly reasons: readonly string[];
  /** The devices as they were cut into slices. */
  readonly slices: readonly (readonly SliceDevice[])[];
  /** Whether all of it stood in the API server once. */
  isWritten = false;
  readonly #reductionCount: number;
  readonly #stored = new Map<number, readonly unknown[]>();
  readonly #dropped = new Set<string>();

  constructor(devices: readonly SliceDevice[], reduced: { reasons: readonly string[]; count: number } | undefined) {
    this.devices = devices;
    this.reasons = reduced?.reasons ?? [];
    this.#reductionCount = reduced?.count ?? 0;
    this.slices = layOutSlices(devices);
  }

  /** The devices of each slice in the form in which the server keeps them, as far as that is known. */
  get expectedSlices(): readonly (readonly unknown[])[] {
    return this.slices.map((devices, index) => this.#stored.get(index) ?? devices);
  }

  /** The fields that the server does not keep, each with the gate to switch on, in order. */
  get droppedFields(): readonly string[] {
    return [...this.#dropped].sort();
  }

  /** Takes in what the server made of a slice. What it dropped is expected from then on, so it is not written for ever. */
  takeAnswer(index: number, { spec }: StoredSlice): void {
    const devices = spec.devices ?? [];
    for (const field of findDroppedFields(this.slices[index] ?? [], devices)) this.#dropped.add(field);
    this.#stored.set(index, devices);
  }

  /** The content without what the server refused in a slice; undefined when its causes name nothing to leave out. */
  withoutRefused(index: number, causes: readonly ApiErrorCause[]): PoolContent | undefined {
    const offset = this.slices.slice(0, index).reduce((sum, { length }) => sum + length, 0);
    const reduced = withoutRefused(this.devices, offset, causes);
    if (reduced === undefined || this.#reductionCount >= REDUCTIONS_MAX) return undefined;
    const reasons = [...new Set([...this.reasons, ...reduced.reasons])];
    return new PoolContent(reduced.devices, { reasons, count: this.#reductionCount + 1 });
  }
}
