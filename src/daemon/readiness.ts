import type { Condition } from '../http/health-routes.ts';
import { shorten } from '../lib/shorten.ts';

/** What the driver waits for, by condition: said until the condition holds for the first time. */
export const readinessConditions = {
  'nri-synchronized': 'waiting for the container runtime to tell its containers',
  'kubelet-registered': 'waiting for the kubelet to register the driver',
  'slices-published': 'waiting for the API server to take the ResourceSlices',
  'cpu-manager-off': "the kubelet's CPU manager was not looked at yet",
} as const;

/** The name of a condition. */
export type ReadinessCondition = keyof typeof readinessConditions;

const MS_PER_S = 1_000;
/** A probe's answer and a page show it whole. */
const REASON_LENGTH_MAX = 1_024;

/**
 * The one place that knows whether the driver is ready: each part states its own condition, probes, metrics and pages read
 * all of them. Methods never throw and may be passed on without their object.
 */
export class Readiness {
  readonly #now: () => number;
  readonly #failing: Map<ReadinessCondition, { readonly reason: string; readonly sinceMs: number }>;

  /** @param now milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    const sinceMs = now();
    const names = Object.keys(readinessConditions) as ReadinessCondition[];
    this.#failing = new Map(names.map((name) => [name, { reason: readinessConditions[name], sinceMs }]));
  }

  /** The condition holds from now on. */
  readonly hold = (name: ReadinessCondition): void => {
    this.#failing.delete(name);
  };

  /** The condition does not hold; its time counts from the first of failures in a row, the reason is the last one's. */
  readonly fail = (name: ReadinessCondition, reason: string): void => {
    const sinceMs = this.#failing.get(name)?.sinceMs ?? this.#now();
    this.#failing.set(name, { reason: shorten(reason, REASON_LENGTH_MAX), sinceMs });
  };

  /** Every condition in fixed order; the reason of a failing one ends with how long it fails already. */
  readonly readConditions = (): readonly Condition[] =>
    (Object.keys(readinessConditions) as ReadinessCondition[]).map((name) => {
      const failing = this.#failing.get(name);
      if (!failing) return { name, ok: true };
      const seconds = Math.floor((this.#now() - failing.sinceMs) / MS_PER_S);
      return { name, ok: false, reason: `${failing.reason} (for ${seconds} s)` };
    });
}
