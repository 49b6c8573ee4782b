import { createHash } from 'node:crypto';
import type { Assignment, ClaimOwner, PreparedClaim } from '../claims/prepared-claim.ts';
import type { ClaimUsers } from '../claims/claim-object.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { readCpus } from '../cpuset/read-cpus.ts';
import { CodedError } from '../lib/coded-error.ts';
import { JsonReader } from '../lib/json-reader.ts';
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
  const document = new JsonReader(parseJson(text), {
    fail: ({ path, value, want }) => fail(`${path || 'the document'} is ${value}; want ${want}`),
  });
  document.number('version');
  const stored = document.object('claim');
  if (document.raw('checksum') !== checksum(document.raw('claim'))) fail('its checksum does not match its content');
  if (stored.raw('uid') !== uid) fail('it is the record of another claim');
  return parseStored(stored);
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

function parseStored(stored: JsonReader): ClaimRecord {
  const podClaimName = stored.optionalName('podClaimName');
  const users = stored.optionalObject('users');
  const owner = stored.optionalObject('owner');
  if (!stored.has('assignments')) stored.fail('assignments', 'a list');
  const assignments = stored.objects('assignments').map(parseAssignment);
  const cpus = readCpus(stored, 'cpus');
  const ofAssignments = CpuSet.unionOf(assignments.map((assignment) => assignment.cpus));
  if (assignments.length > 0 && !ofAssignments.equals(cpus)) fail('its assignments are of other CPUs than the claim');
  const claim: PreparedClaim = {
    uid: stored.name('uid'),
    namespace: stored.text('namespace'),
    name: stored.text('name'),
    ...(podClaimName !== undefined && { podClaimName }),
    ...(users && { users: parseUsers(users) }),
    assignments,
    cpus,
    ...(stored.has('memoryNodes') && { memoryNodes: readCpus(stored, 'memoryNodes') }),
    ...(stored.optionalFlag('sharedCPUs') && { sharesPool: true }),
  };
  return { claim, owner: owner && parseOwner(owner) };
}

function parseUsers(users: JsonReader): ClaimUsers {
  const pods = users.objects('pods').map((pod) => ({ name: pod.text('name'), uid: pod.text('uid') }));
  return { pods, others: users.optionalFlag('others') ?? false };
}

function parseOwner(owner: JsonReader): ClaimOwner {
  return {
    podUid: owner.text('podUid'),
    podNamespace: owner.text('podNamespace'),
    podName: owner.text('podName'),
    containerName: owner.text('containerName'),
  };
}

function parseAssignment(item: JsonReader): Assignment {
  const policy = item.optionalName('policy');
  return {
    request: item.text('request'),
    pool: item.text('pool'),
    device: item.text('device'),
    shareId: item.optionalName('shareId'),
    cpus: readCpus(item, 'cpus'),
    ...(policy !== undefined && { policy }),
    ...(item.has('why') && { why: item.texts('why') }),
  };
}
