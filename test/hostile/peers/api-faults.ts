import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The requests that a fault befalls. */
export type FaultTarget = 'claims' | 'slices' | 'watch' | 'status' | 'node' | 'everything';

/** What goes wrong with an answer. */
export const FAULT_KINDS = [
  'empty-object',
  'status-object',
  'internal-error',
  'busy',
  'unavailable',
  'hang',
  'slow',
  'drip',
  'huge-error',
  'garbage',
  'truncated',
  'reset',
  'null',
  'list-instead',
] as const;

/** One of `FAULT_KINDS`. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A fault while it lasts. */
export interface Fault {
  readonly target: FaultTarget;
  readonly kind: FaultKind;
}

/** A request as faults tell it apart. */
export interface FaultSubject {
  readonly method: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly isWatch: boolean;
}

const SLOW_MS = 150;
const DRIP_MS = 5;
const HUGE_LENGTH = 4 * 1024 * 1024;

/** Whether a fault befalls a request. */
export function befalls({ target }: Fault, { resource, subresource, isWatch }: FaultSubject): boolean {
  switch (target) {
    case 'everything':
      return true;
    case 'claims':
      return resource === 'resourceclaims' && subresource === undefined;
    case 'slices':
      return resource === 'resourceslices' && !isWatch;
    case 'watch':
      return isWatch;
    case 'status':
      return subresource !== undefined || resource === 'events';
    case 'node':
      return resource === 'nodes';
  }
}

/** A Status as an answer, whatever it says (metav1 Status). */
function statusBody(code: number, message = 'the suite wills it'): string {
  const reason = { 429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable' }[code] ?? 'Unknown';
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code });
}

function answer(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(body);
}

async function drip(response: ServerResponse, body: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  for (let at = 0; at < body.length && !response.destroyed; at += 64) {
    response.write(body.slice(at, at + 64));
    await sleep(DRIP_MS);
  }
  response.end();
}

/**
 * Answers a request as the fault wants, `body` being the right answer.
 * @param healed resolves when the fault is over, for a request that hangs.
 */
export async function answerWithFault(
  kind: FaultKind,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  { body, healed }: { readonly body: () => string; readonly healed: Promise<void> },
): Promise<void> {
  switch (kind) {
    case 'empty-object':
      return answer(response, 200, '{}');
    case 'null':
      return answer(response, 200, 'null');
    case 'list-instead':
      return answer(response, 200, '[{"metadata":{}}]');
    case 'status-object':
      return answer(response, 200, statusBody(200));
    case 'internal-error':
      return answer(response, 500, statusBody(500));
    case 'huge-error':
      return answer(response, 500, statusBody(500, 'x'.repeat(HUGE_LENGTH)));
    case 'busy':
      response.setHeader('retry-after', '1');
      return answer(response, 429, statusBody(429));
    case 'unavailable':
      return answer(response, 503, statusBody(503));
    case 'garbage':
      return answer(response, 200, '<html>no</html>');
    case 'truncated':
      return answer(response, 200, body().slice(0, -10));
    case 'hang':
      await healed;
      return void request.socket.destroy();
    case 'slow':
      await sleep(SLOW_MS);
      return answer(response, 200, body());
    case 'drip':
      return drip(response, body());
    case 'reset':
      return void request.socket.destroy();
  }
}
