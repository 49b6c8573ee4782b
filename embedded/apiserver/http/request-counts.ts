import type { RequestFacts } from './faults.ts';

/** How often what was asked for, for load tests. */
export class RequestCounts {
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** All requests. */
  get total(): number {
    return this.#total;
  }

  /** Counts a request. */
  add(request: RequestFacts): void {
    const key = `${request.verb} ${request.resource}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#total++;
  }

  /** How often a verb was used on a resource ("resourceclaims/status" for a subresource). */
  of(verb: string, resource: string): number {
    return this.#counts.get(`${verb} ${resource}`) ?? 0;
  }

  /** All counts by "verb resource". */
  all(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** Starts again at zero. */
  clear(): void {
    this.#counts.clear();
    this.#total = 0;
  }
}
