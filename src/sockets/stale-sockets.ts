import { once } from 'node:events';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText, type Log } from '../lib/log.ts';
import { endpointName, registrationNames, type SocketPaths } from './socket-paths.ts';

/** How long a socket may be bound and not yet listen, as in a driver of the Go helper that starts, in milliseconds. */
const START_GRACE_MS = 1_000;

/** How long a process may take to accept a connection until its socket counts as answered, in milliseconds. */
const CONNECT_TIMEOUT_MS = 1_000;

/** How often sockets are looked for, in milliseconds: a predecessor may be killed long after it handed the node over. */
const SWEEP_INTERVAL_MS = 60_000;

/** Sockets that are looked at in one round; killed pods leave two each. */
const SOCKETS_MAX = 200;

/** The name of an endpoint and the UID of its pod, which is missing in that of a driver without one. */
const ENDPOINT_NAME = /^dra(?:-(.+))?\.sock$/;

/** UIDs of pods: UUIDs, and the digests that the kubelet gives static pods. */
const POD_UID = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/;

/** Where stale sockets are looked for. */
export interface StaleSocketOptions {
  readonly driverName: string;
  /** The sockets of this driver, which stay. */
  readonly paths: SocketPaths;
  readonly log: Log;
  /** Default 1 s. */
  readonly startGraceMs?: number;
}

async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The UID of the pod in the name of a registration socket; undefined when it has none, such as that of another driver. */
function uidOfRegistration(name: string, driverName: string): string | undefined {
  const [prefix, suffix] = [`${driverName}-`, '-reg.sock'];
  if (!name.startsWith(prefix) || !name.endsWith(suffix)) return undefined;
  const uid = name.slice(prefix.length, -suffix.length);
  return POD_UID.test(uid) ? uid : undefined;
}

/**
 * Paths that sockets of the driver's pods have, those of this pod excepted. Of names in the registry, which all drivers
 * share, only those count that follow from the UID of a pod: `dra.cpu-<uid>-reg.sock` says it, and names with a digest
 * belong to the UIDs that the names of endpoints say. A registration socket comes before its endpoint.
 */
async function listCandidates({ driverName, paths }: StaleSocketOptions): Promise<string[]> {
  const [registry, plugin] = [dirname(paths.registration), dirname(paths.endpoint)];
  const [registered, served] = await Promise.all([listNames(registry), listNames(plugin)]);
  const uids = new Set([
    undefined,
    ...registered.map((name) => uidOfRegistration(name, driverName)),
    ...served.map((name) => ENDPOINT_NAME.exec(name)?.[1]),
  ]);
  const existing = new Set([
    ...registered.map((name) => join(registry, name)),
    ...served.map((name) => join(plugin, name)),
  ]);
  return [...uids]
    .flatMap((uid) => [
      ...registrationNames(driverName, uid).map((name) => join(registry, name)),
      join(plugin, endpointName(uid)),
    ])
    .filter((path) => existing.has(path) && path !== paths.registration && path !== paths.endpoint)
    .slice(0, SOCKETS_MAX);
}

/** The identity of the socket at a path; undefined for anything that is not a socket, also for a link to one. */
async function identifySocket(path: string): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found?.isSocket() ? `${found.dev}:${found.ino}` : undefined;
}

/** Whether no process has a socket any more: connect(2) returns ECONNREFUSED. */
async function isRefused(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

/** Sockets among `paths` that no process has, and their identities. */
async function findRefused(paths: Iterable<string>): Promise<Map<string, string>> {
  const refused = new Map<string, string>();
  for (const path of paths) {
    const identity = await identifySocket(path);
    if (identity !== undefined && (await isRefused(path))) refused.set(path, identity);
  }
  return refused;
}

/**
 * Removes sockets that killed pods of the same driver left, so that the kubelet does not call them. Sockets on which a
 * process answers, regular files, links and names of other drivers stay.
 * @returns the paths of the removed sockets
 * @throws the system's error when a directory cannot be read.
 */
export async function removeStaleSockets(options: StaleSocketOptions): Promise<string[]> {
  const { log, startGraceMs = START_GRACE_MS } = options;
  const first = await findRefused(await listCandidates(options));
  if (first.size === 0) return [];
  await delay(startGraceMs, undefined, { ref: false });
  const removed: string[] = [];
  for (const [path, identity] of await findRefused(first.keys())) {
    if (first.get(path) !== identity || (await identifySocket(path)) !== identity) continue;
    try {
      await unlink(path);
      removed.push(path);
    } catch (error) {
      log.warn('Failed to remove the socket of a driver that ended', { socket: path, reason: errorText(error) });
    }
  }
  if (removed.length > 0) log.info('Removed sockets of drivers that ended', { sockets: removed });
  return removed;
}

/** Removes stale sockets now and every minute. @returns what stops it; a round under way is not waited for. */
export function sweepStaleSockets(options: StaleSocketOptions): () => Promise<void> {
  const sweep = () =>
    removeStaleSockets(options).catch((error: unknown) => {
      options.log.warn('Failed to look for sockets of drivers that ended', { reason: errorText(error) });
    });
  void sweep();
  const timer = setInterval(() => void sweep(), SWEEP_INTERVAL_MS).unref();
  return async () => clearInterval(timer);
}
