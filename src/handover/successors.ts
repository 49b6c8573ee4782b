import { setTimeout as delay } from 'node:timers/promises';
import { sleep } from '../lib/backoff.ts';
import type { SocketListener } from '../sockets/socket-listener.ts';
import { identifyHolder } from './ask-holder.ts';
import { dial } from './line-connection.ts';
import type { HolderGreeting } from './messages.ts';

/**
 * How long a driver that lost the node looks for the one that took it, which opens its socket at once, in milliseconds.
 */
const FIND_SUCCESSOR_MS = 1_000;
const FIND_INTERVAL_MS = 50;

/** How often the node is looked at before it counts as abandoned; none of the looks may find a driver. */
const LOOKS = 5;

/** Whether another driver answers where `listener` did. */
async function hasSuccessor(listener: SocketListener): Promise<boolean> {
  if (await listener.isInPlace()) return false;
  const socket = await dial(listener.path);
  if (typeof socket === 'string') return socket === 'busy';
  socket.on('error', () => {}).destroy();
  return true;
}

/**
 * Resolves when no driver has answered where `listener` did for `patienceMs`: true, or false as soon as `signal`
 * aborts.
 */
export async function waitUntilAbandoned(
  listener: SocketListener,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  for (let misses = 0; misses < LOOKS; ) {
    await sleep(patienceMs / LOOKS, signal);
    misses = (await hasSuccessor(listener)) ? 0 : misses + 1;
    if (signal.aborted) return false;
  }
  return true;
}

/** The driver that took the place of `listener`; undefined when none says so within a second. */
export async function findSuccessor(listener: SocketListener): Promise<HolderGreeting | undefined> {
  const deadlineMs = performance.now() + FIND_SUCCESSOR_MS;
  for (;;) {
    const isOther = !(await listener.isInPlace());
    const other = isOther ? await identifyHolder(listener.path) : undefined;
    if (other || performance.now() > deadlineMs) return other;
    await delay(FIND_INTERVAL_MS);
  }
}
