/** Which driver manages the CPUs of the node. */
export interface DriverIdentity {
  /** The same in all pods of one installation, such as "kube-system/dra-driver-cpu". */
  readonly release: string;
  /** The pod, or the process where there is no pod. */
  readonly holder: string;
  readonly version: string;
}

/** What a DaemonSet's controller appends to the names of its pods (apiserver names.SimpleNameGenerator). */
const POD_NAME_SUFFIX = /-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** The pod that the driver runs in, as far as it is known. */
interface PodIdentity {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly uid: string | undefined;
}

/**
 * The identity of this driver. Pods of one DaemonSet share its name, which distinguishes a rolling update from a second
 * installation. Pods that do not know their names count as pods of one installation.
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
