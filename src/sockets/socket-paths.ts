import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { SocketError } from './socket-error.ts';

/** Longest path of a Unix socket: `sun_path` has 108 bytes and the last one ends the text (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

/** Where a driver meets the kubelet. */
export interface SocketPaths {
  /** Watched by the kubelet's plugin watcher. */
  readonly registration: string;
  /** Serves the DRA services. */
  readonly endpoint: string;
}

/** What the socket names depend on. */
export interface SocketPathOptions {
  /** Such as `/var/lib/kubelet`. */
  readonly kubeletRoot: string;
  readonly driverName: string;
  /** UID of the driver's own pod; given, two pods can run side by side during a rolling update. */
  readonly podUid?: string | undefined;
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}

/** First bytes of a SHA-256 digest as unpadded base64url. */
function digest(text: string, lengthBytes: number): string {
  return createHash('sha256').update(text).digest().subarray(0, lengthBytes).toString('base64url');
}

/**
 * Names that the registration socket of a driver's pod may have: the readable one first, shorter ones with digests where
 * the path would be too long.
 */
export function registrationNames(driverName: string, podUid: string | undefined): readonly string[] {
  if (podUid === undefined || podUid === '') return [`${driverName}-reg.sock`];
  return [
    `${driverName}-${podUid}-reg.sock`,
    `${driverName}-${digest(podUid, 8)}-reg.sock`,
    `dra-${digest(`${driverName}\0${podUid}`, 16)}-reg.sock`,
  ];
}

/** The name of the socket that serves the DRA services of a driver's pod. */
export function endpointName(podUid: string | undefined): string {
  return podUid === undefined || podUid === '' ? 'dra.sock' : `dra-${podUid}.sock`;
}

/**
 * Where the sockets of a driver belong under the kubelet's root. The names are those of Kubernetes' Go helper
 * (k8s.io/dynamic-resource-allocation kubeletplugin, 0.37), so that a pod of either kind can replace one of the other.
 * @throws SocketError PathTooLong when no name fits.
 */
export function chooseSocketPaths({ kubeletRoot, driverName, podUid }: SocketPathOptions): SocketPaths {
  const candidates = registrationNames(driverName, podUid).map((name) => join(kubeletRoot, 'plugins_registry', name));
  const registration = candidates.find(fits) ?? candidates.at(-1) ?? '';
  const endpoint = join(kubeletRoot, 'plugins', driverName, endpointName(podUid));
  const paths = { registration, endpoint };
  checkSocketPath(paths.registration);
  checkSocketPath(paths.endpoint);
  return paths;
}

/**
 * Refuses a path that the kernel would not take.
 * @throws SocketError PathTooLong
 */
export function checkSocketPath(path: string): void {
  if (fits(path)) return;
  throw new SocketError(
    'PathTooLong',
    `Cannot listen on "${path}": the path has ${Buffer.byteLength(path)} bytes, a Unix socket path may have ` +
      `${SOCKET_PATH_BYTES_MAX}; choose a shorter --kubelet-root-dir`,
  );
}
