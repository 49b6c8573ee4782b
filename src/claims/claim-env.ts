import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { CPUSET_ENV_PREFIX } from '../lib/env-names.ts';
import { ClaimError } from './claim-error.ts';

/**
 * The variable by which an application finds the CPUs that are its container's own, of all its claims; empty where it has none and its
 * pod set it. Its name does not begin with the prefix: it is never read.
 */
export const CPUS_ENV = 'DRA_CPUSET';

/** Claims that one container may name; a pod has fewer. */
const CLAIMS_MAX = 64;
/** What the values of a container's variables may have together. A list of every second of 8,192 CPUs has 21 kB. */
const VALUES_LENGTH_MAX_BYTES = 65_536;
/** Values up to this length are read for the sake of the message; a longer one is only compared. */
const CHECKED_LENGTH_MAX_BYTES = 1_024;
/** What a message quotes of a variable. */
const QUOTED_LENGTH_MAX = 200;

/** The claims that a container names. */
export interface NamedClaims {
  /** CPU list by claim UID, as the environment has it; undefined where only a CDI device names the claim. */
  readonly byUid: ReadonlyMap<string, string | undefined>;
  /** Why the container may use none of them. */
  readonly problem: string | undefined;
}

/** A container that names no claim. */
const NO_CLAIMS: NamedClaims = { byUid: new Map(), problem: undefined };

/**
 * Checks that the driver can set `CPUS_ENV` of a container with this environment.
 * @throws ClaimError `MalformedEnv` when it is there twice: the runtime would replace one and the process get the other.
 */
export function checkCpusEnv(env: readonly string[]): void {
  if (env.filter((entry) => entry.startsWith(`${CPUS_ENV}=`)).length < 2) return;
  throw new ClaimError(
    'MalformedEnv',
    `Cannot admit the container: its environment has ${CPUS_ENV} twice; the variable is set by dra.cpu, remove it from the pod`,
  );
}

/**
 * Reads which claims a container names. Its CDI devices, which only the kubelet sets, decide where the runtime reports them;
 * variables are then only compared. The time is bounded for any input: no long list is parsed.
 * @param env "NAME=value" entries.
 * @param cdiClaims UIDs of the claims among its CDI devices; undefined where the runtime does not report CDI devices.
 */
export function readNamedClaims(env: readonly string[], cdiClaims?: readonly string[]): NamedClaims {
  const entries = env.filter((entry) => entry.startsWith(CPUSET_ENV_PREFIX));
  if (entries.length === 0 && !cdiClaims?.length) return NO_CLAIMS;
  const byUid = new Map<string, string | undefined>(cdiClaims?.map((uid) => [uid, undefined]));
  const problem = addVariables(entries, byUid, cdiClaims);
  return problem === undefined ? { byUid, problem } : { byUid: new Map(), problem };
}

/** Adds the variables to `byUid`, or returns what is wrong with them. */
function addVariables(
  entries: readonly string[],
  byUid: Map<string, string | undefined>,
  cdiClaims: readonly string[] | undefined,
): string | undefined {
  const lengthBytes = entries.reduce((sum, { length }) => sum + length, 0);
  if (entries.length > CLAIMS_MAX || lengthBytes > VALUES_LENGTH_MAX_BYTES) {
    return `its environment has ${entries.length} variables named ${CPUSET_ENV_PREFIX}* of ${lengthBytes} bytes; ${CLAIMS_MAX} and ${VALUES_LENGTH_MAX_BYTES} are allowed. Such names are reserved for dra.cpu, remove them from the pod`;
  }
  for (const entry of entries) {
    const end = entry.indexOf('=');
    const uid = entry.slice(CPUSET_ENV_PREFIX.length, end === -1 ? undefined : end);
    const value = end === -1 ? '' : entry.slice(end + 1);
    const why = findFault(uid, value) ?? (byUid.get(uid) === undefined ? undefined : 'a claim that is there twice');
    if (why !== undefined) return describeFault(entry, why);
    if (cdiClaims && !cdiClaims.includes(uid)) {
      return describeFault(entry, 'a claim of which the kubelet passed no CDI device');
    }
    byUid.set(uid, value);
  }
  return undefined;
}

function describeFault(entry: string, why: string): string {
  return (
    `its environment has ${JSON.stringify(entry.slice(0, QUOTED_LENGTH_MAX))}, ${why}; variables named ` +
    `${CPUSET_ENV_PREFIX}* are reserved for dra.cpu, remove it from the pod`
  );
}

function findFault(uid: string, value: string): string | undefined {
  if (uid === '') return 'which names no claim';
  if (value === '') return 'which lists no CPUs';
  if (value.length > CHECKED_LENGTH_MAX_BYTES) return undefined;
  try {
    // A line end alone is an empty list, as in files of the kernel.
    return parseCpuList(value).isEmpty ? 'which lists no CPUs' : undefined;
  } catch (error) {
    if (error instanceof CpuListError) return `which is not a CPU list (${error.code})`;
    throw error;
  }
}
