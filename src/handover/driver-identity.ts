import type { JsonObject } from '../lib/json.ts';

/** Who manages the CPUs of the node. */
export interface DriverIdentity {
  /** What is the same in all pods of one installation, such as "kube-system/dra-driver-cpu". */
  readonly release: string;
  /** The pod, or the process where there is no pod. */
  readonly holder: string;
  readonly version: string;
}

/** What a DaemonSet's controller appends to the names of its pods (apiserver names.SimpleNameGenerator). */
const POD_NAME_SUFFIX = /-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** The pod the driver runs in, as far as it is told. */
interface PodIdentity {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly uid: string | undefined;
}

/**
 * The identity of this driver. Pods of one DaemonSet have its name in common, by which a rolling update is told from a second
 * installation; pods that are not told their names are taken for pods of one.
 */
export function identifyDriver(
  { namespace, name, uid }: PodIdentity,
  process: { readonly pid: number; readonly hostname: string; readonly version: string },
): DriverIdentity {
  const { pid, hostname, version } = process;
  if (name) {
    const path = `${namespace ?? 'default'}/${name}`;
    return { release: path.replace(POD_NAME_SUFFIX, ''), holder: `pod ${path}`, version };
  }
  if (uid) return { release: 'unnamed pods', holder: `pod of UID ${uid}`, version };
  const holder = `process ${pid} on ${hostname}`;
  return { release: holder, holder, version };
}

/** The identity that a holder tells of itself; an unknown one where the message is none. */
export function readIdentity(message: JsonObject | undefined): DriverIdentity {
  const { release, holder, version } = message ?? {};
  return typeof release === 'string' && typeof holder === 'string' && typeof version === 'string'
    ? { release, holder, version }
    : { release: 'unknown', holder: 'an unknown program', version: 'unknown' };
}
