import { createHash } from 'node:crypto';
import type { Assignment, ClaimOwner, PreparedClaim } from '../claims/prepared-claim.ts';
import type { ClaimUsers } from '../claims/claim-object.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { CodedError } from '../lib/coded-error.ts';
import { asObject, type JsonObject } from '../lib/json.ts';
import { isUsableUid } from './cdi-spec.ts';

/** Version of the document. Later releases add fields and keep these, so that an update can be taken back. */
const RECORD_VERSION = 1;
const FILE_SUFFIX = '.json';

/** What is kept of a claim on disk: all that a later driver needs to know of it. */
export interface ClaimRecord {
  readonly claim: PreparedClaim;
  /** The container that uses it; undefined while none has. */
  readonly owner: ClaimOwner | undefined;
}

/** A file with the name of a record that is not one. */
export class ClaimRecordError extends CodedError<'Damaged'> {
  override readonly name = 'ClaimRecordError';
}

/** File name of a claim's record. */
export function recordFileName(uid: string): string {
  return `${uid}${FILE_SUFFIX}`;
}

/** The claim UID in a file name; undefined when the name is not a record's. */
export function parseRecordFileName(fileName: string): string | undefined {
  if (!fileName.endsWith(FILE_SUFFIX)) return undefined;
  const uid = fileName.slice(0, -FILE_SUFFIX.length);
  return isUsableUid(uid) ? uid : undefined;
}

function checksum(claim: unknown): string {
  return createHash('sha256').update(JSON.stringify(claim)).digest('hex');
}

/** The text of a claim's record: a version, a SHA-256 of the claim's JSON, and the claim. Sets are Linux lists. */
export function formatClaimRecord({ claim, owner }: ClaimRecord): string {
  const { cpus, memoryNodes, sharesPool, assignments, ...identity } = claim;
  const stored = {
    ...identity,
    assignments: assignments.map((assignment) => ({ ...assignment, cpus: assignment.cpus.toString() })),
    cpus: cpus.toString(),
    ...(memoryNodes && { memoryNodes: memoryNodes.toString() }),
    ...(sharesPool && { sharedCPUs: true }),
    ...(owner && { owner }),
  };
  return `${JSON.stringify({ version: RECORD_VERSION, checksum: checksum(stored), claim: stored })}\n`;
}

/**
 * Reads a record back.
 * @throws ClaimRecordError `Damaged` with what is wrong.
 */
export function parseClaimRecord(text: string, uid: string): ClaimRecord {
  const document = asObject(parseJson(text));
  if (typeof document.version !== 'number') fail('it has no version');
  if (document.checksum !== checksum(document.claim)) fail('its checksum does not match its content');
  const stored = asObject(document.claim);
  if (stored.uid !== uid) fail('it is the record of another claim');
  try {
    return parseStored(stored);
  } catch (error) {
    if (error instanceof CpuListError) return fail(error.message);
    throw error;
  }
}

function fail(why: string): never {
  throw new ClaimRecordError('Damaged', why);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return fail(text === '' ? 'it is empty' : 'it is not valid JSON');
    throw error;
  }
}

function readText(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === 'string' ? value : fail(`its ${key} is missing`);
}

function readList(object: JsonObject, key: string): JsonObject[] {
  const value = object[key];
  return Array.isArray(value) ? value.map(asObject) : fail(`its ${key} are missing`);
}

function parseStored(stored: JsonObject): ClaimRecord {
  const { podClaimName, users, memoryNodes, sharedCPUs, owner } = stored;
  const assignments = readList(stored, 'assignments').map(parseAssignment);
  const cpus = parseCpuList(readText(stored, 'cpus'));
  const ofAssignments = CpuSet.unionOf(assignments.map((assignment) => assignment.cpus));
  if (assignments.length > 0 && !ofAssignments.equals(cpus)) fail('its assignments are of other CPUs than the claim');
  const claim: PreparedClaim = {
    uid: readText(stored, 'uid'),
    namespace: readText(stored, 'namespace'),
    name: readText(stored, 'name'),
    ...(typeof podClaimName === 'string' && { podClaimName }),
    ...(users !== undefined && { users: parseUsers(asObject(users)) }),
    assignments,
    cpus,
    ...(memoryNodes !== undefined && { memoryNodes: parseCpuList(readText(stored, 'memoryNodes')) }),
    ...(sharedCPUs === true && { sharesPool: true }),
  };
  return { claim, owner: owner === undefined ? undefined : parseOwner(asObject(owner)) };
}

function parseUsers(users: JsonObject): ClaimUsers {
  const pods = readList(users, 'pods').map((pod) => ({ name: readText(pod, 'name'), uid: readText(pod, 'uid') }));
  return { pods, others: users.others === true };
}

function parseOwner(owner: JsonObject): ClaimOwner {
  return {
    podUid: readText(owner, 'podUid'),
    podNamespace: readText(owner, 'podNamespace'),
    podName: readText(owner, 'podName'),
    containerName: readText(owner, 'containerName'),
  };
}

function parseAssignment(item: JsonObject): Assignment {
  const { shareId, policy, why } = item;
  const sentences = Array.isArray(why) ? why.filter((sentence) => typeof sentence === 'string') : undefined;
  return {
    request: readText(item, 'request'),
    pool: readText(item, 'pool'),
    device: readText(item, 'device'),
    shareId: typeof shareId === 'string' ? shareId : undefined,
    cpus: parseCpuList(readText(item, 'cpus')),
    ...(typeof policy === 'string' && { policy }),
    ...(sentences && { why: sentences }),
  };
}
