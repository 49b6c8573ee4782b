import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { ClaimError } from './claim-error.ts';

/** Prefix of the environment variables by which a container carries its claims; reserved for the driver (cdi/spec.ts sets them). */
export const CPUSET_ENV_PREFIX = 'DRA_CPUSET_';

/**
 * The variable by which an application finds the CPUs that are its container's own, of all its claims; empty where it has none and its
 * pod set it. Its name does not begin with the prefix: it is never read.
 */
export const CPUS_ENV = 'DRA_CPUSET';

/**
 * Checks that the driver can set `CPUS_ENV` of a container with this environment.
 * @throws ClaimError `MalformedEnv` when it stands there twice: the runtime would replace one and the process get the other.
 */
export function checkCpusEnv(env: readonly string[]): void {
  if (env.filter((entry) => entry.startsWith(`${CPUS_ENV}=`)).length < 2) return;
  throw new ClaimError(
    'MalformedEnv',
    `Cannot admit the container: its environment has ${CPUS_ENV} twice; the variable is set by dra.cpu, remove it from the pod`,
  );
}

/**
 * Reads the claims of a container from its environment ("NAME=value" entries).
 * @returns claim UID -> CPUs; empty where the container has no claim.
 * @throws ClaimError `MalformedEnv` for a `DRA_CPUSET_*` entry without a UID, without a value or with a bad CPU list.
 */
export function parseClaimEnv(env: readonly string[]): Map<string, CpuSet> {
  const claims = new Map<string, CpuSet>();
  for (const entry of env) {
    if (!entry.startsWith(CPUSET_ENV_PREFIX)) continue;
    const malformed = (why: string) =>
      new ClaimError(
        'MalformedEnv',
        `Cannot admit the container: its environment has ${JSON.stringify(entry.slice(0, 200))}, ${why}; variables named ` +
          `${CPUSET_ENV_PREFIX}* are reserved for dra.cpu, remove it from the pod`,
      );
    const [name = '', value] = entry.split(/=(.*)/s, 2);
    const uid = name.slice(CPUSET_ENV_PREFIX.length);
    if (uid === '') throw malformed('which names no claim');
    if (value === undefined || value === '') throw malformed('which lists no CPUs');
    try {
      const cpus = parseCpuList(value);
      // A line end alone is an empty list, as in files of the kernel.
      if (cpus.isEmpty) throw malformed('which lists no CPUs');
      if (claims.has(uid)) throw malformed('a claim that stands there twice');
      claims.set(uid, cpus);
    } catch (error) {
      if (error instanceof CpuListError) throw malformed(`which is no CPU list (${error.code})`);
      throw error;
    }
  }
  return claims;
}
