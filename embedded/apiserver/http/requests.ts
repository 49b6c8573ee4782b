import type { StatusReason } from '../status-error.ts';

/** A request as faults and counters see it. */
export interface RequestFacts {
  /** As in RBAC: get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  /** Plural name, "resourceclaims/status" for a subresource, or the path of anything else. */
  readonly resource: string;
}

/** Requests that are to fail. */
export interface FaultRule {
  /** What the client is answered; "reset" closes the connection without an answer. */
  readonly answer: StatusReason | 'reset';
  /** Only this verb; any by default. */
  readonly verb?: string;
  /** Only this resource; any by default. */
  readonly resource?: string;
  /** How many requests fail, 1 by default. */
  readonly times?: number;
}

/** What goes wrong on purpose, for tests of clients. */
export class Faults {
  /** Delay before every answer. */
  latencyMs = 0;
  #rules: { rule: FaultRule; left: number }[] = [];

  /** Makes the next requests that fit the rule fail; rules are used up in the order they were given. */
  failNext(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 });
  }

  /** Drops all rules and the latency. */
  clear(): void {
    this.#rules = [];
    this.latencyMs = 0;
  }

  /** The answer that a request is to fail with, undefined when it is not to fail; uses up one of the rule's times. */
  take(request: RequestFacts): FaultRule['answer'] | undefined {
    const found = this.#rules.find(({ rule }) => {
      return (rule.verb ?? request.verb) === request.verb && (rule.resource ?? request.resource) === request.resource;
    });
    if (!found) return undefined;
    found.left--;
    this.#rules = this.#rules.filter(({ left }) => left > 0);
    return found.rule.answer;
  }
}

/** How often what was asked for, for load tests. */
export class RequestCounts {
  readonly #counts = new Map<string, number>();

  /** All requests. */
  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Counts a request. */
  add(request: RequestFacts): void {
    const key = `${request.verb} ${request.resource}`;
    this.#counts.set(key, this.of(request.verb, request.resource) + 1);
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
  }
}
