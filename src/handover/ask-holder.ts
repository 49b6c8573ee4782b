import type { DriverIdentity } from './driver-identity.ts';
import { DriverHolderError } from './holder-error.ts';
import { dial, LineConnection } from './line-connection.ts';
import { type HolderGreeting, isReleased, parseGreeting } from './messages.ts';

/** How long a holder may take for its lines, in milliseconds. */
export interface HolderTimeouts {
  /** Until it says who it is. */
  readonly greetingMs: number;
  /** Until it has released the node. */
  readonly releaseMs: number;
}

/**
 * A holder greets from memory, which may take seconds on a node under heavy load. It first ends calls under way, which
 * may wait 10 s for CPUs.
 */
export const HOLDER_TIMEOUTS: HolderTimeouts = { greetingMs: 2_000, releaseMs: 12_000 };

/** What came of asking the holder to hand the node over. */
export type HolderAnswer =
  /** No process listens. */
  | { readonly kind: 'absent' }
  /** It does not say who it is within the time: frozen, or not a driver. */
  | { readonly kind: 'silent' }
  /** It ended before it said who it is, or it handed the node to another successor. */
  | { readonly kind: 'ended' }
  /** It said who it is, and not that it has released the node. */
  | { readonly kind: 'stuck'; readonly other: HolderGreeting }
  | { readonly kind: 'released'; readonly other: HolderGreeting };

/** This driver, as the holder needs to know it. */
export interface Successor {
  readonly identity: DriverIdentity;
  /** Path of the socket where it serves the kubelet. */
  readonly endpoint: string;
}

/** Who answers on a socket: a driver, or why it is not known to be one. */
async function readGreeting(
  lines: LineConnection,
  { greetingMs }: HolderTimeouts,
): Promise<HolderGreeting | 'silent' | 'ended' | 'foreign'> {
  const line = await lines.next(greetingMs);
  if (line.kind === 'line') return parseGreeting(line.text) ?? 'foreign';
  return line.kind === 'tooLong' ? 'foreign' : line.kind;
}

function refuse({ holder }: DriverIdentity, path: string, other: HolderGreeting | undefined): DriverHolderError {
  const where = JSON.stringify(path);
  const message = other
    ? `${other.holder} (dracpu ${other.version}) already manages the CPUs of this node and answers on ${where}. ` +
      'A node has one CPU driver: uninstall one of the two.'
    : `an unknown program answers on ${where}. A node has one CPU driver: stop that program.`;
  return new DriverHolderError('SecondDriver', `Cannot start ${holder}: ${message}`);
}

/**
 * Asks the driver that holds the node, if there is one, to hand it over.
 * @throws DriverHolderError when the driver is of another installation, or what answers is not a driver.
 */
export async function askHolder(
  path: string,
  { identity, endpoint }: Successor,
  timeouts: HolderTimeouts,
): Promise<HolderAnswer> {
  const socket = await dial(path);
  if (socket === 'refused') return { kind: 'absent' };
  if (socket === 'busy') return { kind: 'silent' };
  const lines = new LineConnection(socket);
  try {
    const other = await readGreeting(lines, timeouts);
    if (other === 'silent' || other === 'ended') return { kind: other };
    if (other === 'foreign') throw refuse(identity, path, undefined);
    if (other.release !== identity.release) throw refuse(identity, path, other);
    lines.send({ endpoint });
    const answer = await lines.next(timeouts.releaseMs);
    if (answer.kind === 'ended') return { kind: 'ended' };
    return { kind: answer.kind === 'line' && isReleased(answer.text) ? 'released' : 'stuck', other };
  } finally {
    lines.end();
  }
}

/** Who answers on a socket; undefined when no driver says so in time. */
export async function identifyHolder(path: string): Promise<HolderGreeting | undefined> {
  const socket = await dial(path);
  if (typeof socket === 'string') return undefined;
  const lines = new LineConnection(socket);
  try {
    const other = await readGreeting(lines, HOLDER_TIMEOUTS);
    return typeof other === 'string' ? undefined : other;
  } finally {
    lines.end();
  }
}
