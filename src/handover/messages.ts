import { basename } from 'node:path';
import { asObject, type JsonObject } from '../lib/json.ts';
import { isClaimsName } from './generation.ts';
import type { DriverIdentity } from './driver-identity.ts';

/** First line of the holder: who it is, and from release 0.2 on where it keeps its records and serves the kubelet. */
export interface HolderGreeting extends DriverIdentity {
  /** Name of its directory of claim records. */
  readonly claims?: string;
  /** Name of its socket for the kubelet's DRA calls. */
  readonly endpoint?: string;
}

/**
 * What another process may say of itself in a message: printable ASCII, and no longer than two names of Kubernetes
 * objects (253 each).
 */
const TEXT = /^[\x20-\x7e]{1,600}$/;

/** Names of the endpoint of a driver (sockets/socket-paths.ts). */
const ENDPOINT_NAME = /^dra(-[\x21-\x2e\x30-\x7e]{1,100})?\.sock$/;

function isText(value: unknown): value is string {
  return typeof value === 'string' && TEXT.test(value);
}

/** The object on a line; undefined when the line is not one. */
function parseLine(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? asObject(value) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The name of an endpoint's socket in `path`, which comes from another process; undefined when it is not such a name.
 */
function parseEndpoint(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined;
  const name = basename(path);
  return ENDPOINT_NAME.test(name) ? name : undefined;
}

/**
 * What a holder says of itself; undefined when the line is not a holder's. Only known fields of the right form are
 * taken.
 */
export function parseGreeting(line: string): HolderGreeting | undefined {
  const { release, holder, version, claims, endpoint } = parseLine(line) ?? {};
  if (!isText(release) || !isText(holder) || !isText(version)) return undefined;
  const socket = parseEndpoint(endpoint);
  return {
    release,
    holder,
    version,
    ...(isText(claims) && isClaimsName(claims) ? { claims } : {}),
    ...(socket === undefined ? {} : { endpoint: socket }),
  };
}

/** The name of the socket at which a successor serves; undefined when the line is not a successor's. */
export function parseSuccessor(line: string): string | undefined {
  return parseEndpoint(parseLine(line)?.['endpoint']);
}

/** Whether the line says that the holder has released the node. */
export function isReleased(line: string): boolean {
  return parseLine(line)?.['released'] === true;
}
