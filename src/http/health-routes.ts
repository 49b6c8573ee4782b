import { type HttpReply, textReply } from './http-reply.ts';
import type { HttpRoute } from './http-server.ts';

/** Something that must hold for the driver to serve claims. */
export interface Condition {
  /** Such as "nri-synchronized". */
  readonly name: string;
  readonly ok: boolean;
  /** Why it does not hold. */
  readonly reason?: string;
}

/** What health is judged by; both are asked at every request. */
export interface HealthSources {
  /** Whether start-up is over. */
  readonly isStarted: () => boolean;
  readonly readConditions: () => readonly Condition[];
}

/** A line a condition, in the form of the API server's own probes: "[+]name ok", "[-]name failed: reason". */
function reportConditions(conditions: readonly Condition[]): HttpReply {
  const lines = conditions.map(({ name, ok, reason }) =>
    ok ? `[+]${name} ok` : `[-]${name} failed${reason === undefined ? '' : `: ${reason}`}`,
  );
  const isReady = conditions.every(({ ok }) => ok);
  return textReply(isReady ? 200 : 503, [...lines, isReady ? 'ready' : 'not ready', ''].join('\n'));
}

/**
 * The probes. `/healthz` is the reference's, which its charts use for both probes: 200 once started, whatever happens then.
 * `/livez` is 200 as long as the process answers, so that a runtime that is away for a while is no reason for a restart.
 * `/readyz` names each condition and is 200 when all hold.
 */
export function createHealthRoutes({ isStarted, readConditions }: HealthSources): Readonly<Record<string, HttpRoute>> {
  return {
    '/healthz': () => (isStarted() ? textReply(200, 'ok') : textReply(503, 'starting')),
    '/livez': () => textReply(200, 'ok'),
    '/readyz': () => reportConditions([{ name: 'started', ok: isStarted() }, ...readConditions()]),
  };
}
