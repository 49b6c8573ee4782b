import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import type { CoreType, CpuTopology } from '../topology/topology.ts';
import { PlacementError, type PlacementErrorCode } from './placement-error.ts';
import {
  type AvoidSharing,
  PLACEMENT_POLICIES,
  type Placement,
  type PlacementPolicy,
  type PlacementRequest,
  type PlacementScore,
  SHARED_DOMAINS,
  takeCpus,
} from './take-cpus.ts';
import { openWorkspace } from './workspace.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote, quoteNames } from '../lib/quote.ts';

/** Why a case of a batch has no CPUs. */
type PlanErrorCode = PlacementErrorCode | 'UnknownTopology' | 'UnknownPolicy';

/** What a case gets. */
interface PlannedCpus extends Pick<Placement, 'shared'> {
  readonly cpus: string;
  readonly score: PlacementScore;
  /** How many are of the CPUs that the case prefers. */
  readonly preferred?: number;
  readonly micros: number;
}

/** The answer to one case; `id` is the case's own, null where the line has none. */
export type PlanAnswer =
  | ({ readonly id: unknown } & PlannedCpus)
  | { readonly id: unknown; readonly error: { readonly code: PlanErrorCode; readonly message: string } };

/** What a batch is answered with. */
export interface PlanContext {
  readonly topologies: ReadonlyMap<string, CpuTopology>;
  /** A clock in milliseconds; only differences count. */
  readonly now: () => number;
}

/** A case that cannot be answered with CPUs. */
class PlanCaseError extends CodedError<PlanErrorCode> {
  override readonly name = 'PlanCaseError';
}

type Fields = Readonly<Record<string, unknown>>;

const CORE_TYPES: readonly CoreType[] = ['standard', 'p-core', 'e-core'];

function parseFields(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new PlanCaseError(
      'InvalidCase',
      `Cannot read the case: it is no JSON (${String(cause)}); want one object a line`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PlanCaseError('InvalidCase', 'Cannot read the case: it is no JSON object; want one object a line');
  }
  return Object.fromEntries(Object.entries(value));
}

function invalid(field: string, value: unknown, wish: string): PlanCaseError {
  return new PlanCaseError('InvalidCase', `Cannot read the case: ${field} is ${quote(value)}; want ${wish}`);
}

function readText(fields: Fields, field: string): string {
  const value = fields[field];
  if (typeof value !== 'string') throw invalid(field, value, 'a string');
  return value;
}

function readNumber(fields: Fields, field: string): number {
  const value = fields[field];
  if (typeof value !== 'number') throw invalid(field, value, 'a number');
  return value;
}

function readChoice<T extends string>(fields: Fields, field: string, choices: readonly T[]): T | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  const choice = choices.find((one) => one === value);
  if (choice === undefined) throw invalid(field, value, `one of ${choices.join(', ')}`);
  return choice;
}

function readPolicy(fields: Fields): PlacementPolicy {
  const text = readText(fields, 'policy');
  const policy = PLACEMENT_POLICIES.find((one) => one === text);
  if (policy) return policy;
  throw new PlanCaseError(
    'UnknownPolicy',
    `Cannot read the case: there is no policy ${quote(text)}; want one of ${PLACEMENT_POLICIES.join(', ')}`,
  );
}

function readCpus(fields: Fields, field: 'free' | 'near'): CpuSet {
  try {
    return parseCpuList(readText(fields, field));
  } catch (error) {
    if (error instanceof CpuListError) throw new PlanCaseError('InvalidCase', error.message);
    throw error;
  }
}

function readFlag(fields: Fields, field: string): boolean | undefined {
  const value = fields[field];
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(field, value, 'true or false');
}

/** Others hold whatever is not free. */
function readAvoidSharing(fields: Fields, topology: CpuTopology, free: CpuSet): AvoidSharing | undefined {
  const domain = readChoice(fields, 'avoidSharing', SHARED_DOMAINS);
  return domain && { domain, others: topology.online.difference(free) };
}

function readRequest(fields: Fields, topology: CpuTopology): PlacementRequest {
  const coreType = readChoice(fields, 'coreType', CORE_TYPES);
  const isolated = readChoice(fields, 'isolated', ['prefer', 'require'] as const);
  const [roundUp, singleSocket] = [readFlag(fields, 'roundUp'), readFlag(fields, 'singleSocket')];
  const free = readCpus(fields, 'free');
  const avoidSharing = readAvoidSharing(fields, topology, free);
  return {
    free,
    cpus: readNumber(fields, 'cpus'),
    policy: readPolicy(fields),
    ...(fields['group'] === undefined ? {} : { group: readNumber(fields, 'group') }),
    ...(coreType && { coreType }),
    ...(isolated && { isolated }),
    ...(fields['nodes'] === undefined ? {} : { nodes: readNumber(fields, 'nodes') }),
    ...(fields['near'] === undefined ? {} : { near: readCpus(fields, 'near') }),
    ...(roundUp === undefined ? {} : { roundUp }),
    ...(singleSocket === undefined ? {} : { singleSocket }),
    ...(avoidSharing && { avoidSharing }),
  };
}

function findTopology(fields: Fields, { topologies }: PlanContext): CpuTopology {
  const name = readText(fields, 'topology');
  const topology = topologies.get(name);
  if (topology) return topology;
  throw new PlanCaseError(
    'UnknownTopology',
    `Cannot read the case: there is no topology ${quote(name)}; the file has ${quoteNames(topologies.keys())}`,
  );
}

function answerFields(fields: Fields, context: PlanContext): PlannedCpus {
  const topology = findTopology(fields, context);
  const request = readRequest(fields, topology);
  openWorkspace(topology);
  const start = context.now();
  const { cpus, score, preferred, shared } = takeCpus(topology, request);
  const micros = Math.round((context.now() - start) * 10_000) / 10;
  return {
    cpus: cpus.toString(),
    score,
    ...(preferred === undefined ? {} : { preferred }),
    ...(shared && { shared }),
    micros,
  };
}

/**
 * Answers one line of a batch: `{"id","topology","free","cpus","policy","group"?,"nodes"?,"coreType"?,"isolated"?,"near"?,"roundUp"?,
 * "singleSocket"?,"avoidSharing"?}`. Never throws for what the line says: that is the answer.
 */
export function answerCase(line: string, context: PlanContext): PlanAnswer {
  let id: unknown = null;
  try {
    const fields = parseFields(line);
    id = fields['id'] ?? null;
    return { id, ...answerFields(fields, context) };
  } catch (error) {
    if (!(error instanceof PlanCaseError || error instanceof PlacementError)) throw error;
    return { id, error: { code: error.code, message: error.message } };
  }
}
