import { CPUSET_ENV_PREFIX } from '../lib/env-names.ts';
import type { Assignment, PreparedClaim } from '../claims/prepared-claim.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { CodedError } from '../lib/coded-error.ts';
import { asList, asObject } from '../lib/json.ts';
import { quote } from '../lib/quote.ts';

/** CDI kind under which claims appear to the container runtime. */
const CDI_KIND = 'dra.k8s.io/cpu';
/** Every runtime with NRI reads this version (CDI specification, 0.8.0). */
const CDI_VERSION = '0.8.0';
/** Version of what we put into the annotations; a file with a higher one was written by a newer driver. */
const RECORD_VERSION = 1;

const FILE_PREFIX = 'dra.k8s.io-cpu_claim-';
const FILE_SUFFIX = '.json';
const RECORD_ANNOTATION = 'dra.cpu/record';

/** What a claim's CDI spec says of it. Release 0.1.0 had no other memory of a claim. */
export interface ClaimSpec {
  readonly uid: string;
  /** Linux CPU list of all the claim's CPUs. */
  readonly cpus: string;
  /** Absent in files of the reference driver, as all that follows. */
  readonly namespace?: string;
  readonly name?: string;
  readonly assignments?: readonly {
    readonly request: string;
    readonly pool: string;
    readonly device: string;
    readonly shareId?: string;
    readonly cpus: string;
    /** How and why they were chosen; absent in older files. */
    readonly policy?: string;
    readonly why?: readonly string[];
  }[];
  /** Linux list of the NUMA nodes that the container's memory is bound to; absent where it is not, and in older files. */
  readonly memoryNodes?: string;
  /** Whether the container runs on the shared CPUs besides; absent where it does not, and in older files. */
  readonly sharedCPUs?: boolean;
}

/** A file with the name of a claim's spec that is not one. */
export class CdiSpecError extends CodedError<'Damaged'> {
  override readonly name = 'CdiSpecError';
}

/** Claim UIDs become file names and CDI device names, so only what both allow (CDI specification, device names). */
export function isUsableUid(uid: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,126}[A-Za-z0-9])?$/.test(uid);
}

/** File name of a claim's spec, as the reference driver names it. */
export function claimSpecFileName(uid: string): string {
  return `${FILE_PREFIX}${uid}${FILE_SUFFIX}`;
}

/** What the claim of a CDI device is; undefined when the device is not one of a claim. */
export function parseClaimCdiDeviceId(name: string): string | undefined {
  const prefix = `${CDI_KIND}=claim-`;
  const uid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return isUsableUid(uid) ? uid : undefined;
}

/** The claim UID in a file name, or undefined when the file is not ours. */
export function parseSpecFileName(fileName: string): string | undefined {
  if (!fileName.startsWith(FILE_PREFIX) || !fileName.endsWith(FILE_SUFFIX)) return undefined;
  const uid = fileName.slice(FILE_PREFIX.length, -FILE_SUFFIX.length);
  return isUsableUid(uid) ? uid : undefined;
}

/** Fully qualified CDI device name of a claim, what the kubelet passes to the runtime. */
export function claimCdiDeviceId(uid: string): string {
  return `${CDI_KIND}=claim-${uid}`;
}

/**
 * The text of a claim's CDI spec: one device that injects `DRA_CPUSET_<uid>`. What release 0.1.0 needs to know of the claim after a
 * rollback is in an annotation, which runtimes ignore (CDI specification 0.6.0).
 */
export function formatClaimSpec(record: ClaimSpec): string {
  const { uid, cpus, ...rest } = record;
  const spec = {
    cdiVersion: CDI_VERSION,
    kind: CDI_KIND,
    annotations: { [RECORD_ANNOTATION]: JSON.stringify({ version: RECORD_VERSION, ...rest }) },
    devices: [{ name: `claim-${uid}`, containerEdits: { env: [`${CPUSET_ENV_PREFIX}${uid}=${cpus}`] } }],
  };
  return `${JSON.stringify(spec, undefined, 2)}\n`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** What the annotation says, checked. */
function parseAnnotation(text: string, fail: (why: string) => never): Omit<ClaimSpec, 'uid' | 'cpus'> {
  const record = asObject(JSON.parse(text));
  if (typeof record.version !== 'number') return fail('its record has no version');
  // What the variable gives a container holds in every version, and its CPUs are nobody else's.
  if (record.version > RECORD_VERSION) return {};
  const { namespace, name, memoryNodes, sharedCPUs } = record;
  if (!isText(namespace) || !isText(name)) return fail('its record does not name the claim');
  if (!Array.isArray(record.assignments)) return fail('its record has no assignments');
  const assignments = record.assignments.map((item: unknown) => {
    const { request, pool, device, shareId, cpus, policy, why } = asObject(item);
    if (!isText(request) || !isText(pool) || !isText(device) || !isText(cpus))
      return fail('an assignment is incomplete');
    parseCpuList(cpus);
    return {
      request,
      pool,
      device,
      cpus,
      ...(isText(shareId) ? { shareId } : {}),
      ...(isText(policy) ? { policy } : {}),
      ...(Array.isArray(why) && why.every(isText) ? { why } : {}),
    };
  });
  const isBound = isText(memoryNodes) && !parseCpuList(memoryNodes).isEmpty;
  return {
    namespace,
    name,
    assignments,
    ...(isBound ? { memoryNodes } : {}),
    ...(sharedCPUs === true ? { sharedCPUs } : {}),
  };
}

/**
 * Reads a spec file back. Files of the reference driver, which have no annotations, are understood, and those of a later
 * driver are read as such. The record's CPU lists are good ones, the claim's names a CPU or more.
 * @throws CdiSpecError `Damaged` with what is wrong.
 */
export function parseClaimSpec(text: string, uid: string): ClaimSpec {
  const fail = (why: string): never => {
    throw new CdiSpecError('Damaged', why);
  };
  try {
    const spec = asObject(JSON.parse(text));
    if (spec.kind !== CDI_KIND) return fail(`its kind is ${quote(spec.kind)}, want "${CDI_KIND}"`);
    const device = asList(spec.devices)
      .map(asObject)
      .find((item) => item.name === `claim-${uid}`);
    const entry = asList(asObject(device?.containerEdits).env).find(
      (item) => isText(item) && item.startsWith(`${CPUSET_ENV_PREFIX}${uid}=`),
    );
    if (!isText(entry)) return fail(`it has no device claim-${uid} with ${CPUSET_ENV_PREFIX}${uid}`);
    const annotation = asObject(spec.annotations)[RECORD_ANNOTATION];
    const cpus = entry.slice(entry.indexOf('=') + 1);
    if (parseCpuList(cpus).isEmpty) return fail('it lists no CPUs');
    return { uid, cpus, ...(isText(annotation) ? parseAnnotation(annotation, fail) : {}) };
  } catch (error) {
    if (error instanceof CpuListError) return fail(error.message);
    if (error instanceof SyntaxError)
      return fail(`it is not valid JSON (${text.length === 0 ? 'empty' : error.message})`);
    throw error;
  }
}

/** What a prepared claim's spec says. */
export function toClaimSpec(claim: PreparedClaim): ClaimSpec {
  return {
    uid: claim.uid,
    cpus: claim.cpus.toString(),
    namespace: claim.namespace,
    name: claim.name,
    assignments: claim.assignments.map(({ shareId, cpus, ...assignment }) => ({
      ...assignment,
      cpus: cpus.toString(),
      ...(shareId === undefined ? {} : { shareId }),
    })),
    ...(claim.memoryNodes && { memoryNodes: claim.memoryNodes.toString() }),
    ...(claim.sharesPool && { sharedCPUs: true }),
  };
}

/**
 * The claim that a spec without a record is of, as another driver prepared it; whose containers may use it is not known. A spec of the
 * reference driver, which names no claim, gives it the namespace "unknown" and its UID for a name.
 */
export function toPreparedClaim(spec: ClaimSpec): PreparedClaim {
  const assignments = (spec.assignments ?? []).map(
    (item): Assignment => ({ ...item, shareId: item.shareId, cpus: parseCpuList(item.cpus) }),
  );
  return {
    uid: spec.uid,
    namespace: spec.namespace ?? 'unknown',
    name: spec.name ?? spec.uid,
    assignments,
    cpus: parseCpuList(spec.cpus),
    ...(spec.memoryNodes !== undefined && { memoryNodes: parseCpuList(spec.memoryNodes) }),
    ...(spec.sharedCPUs && { sharesPool: true }),
  };
}
