import type { CpuSet } from '../cpuset/cpu-set.ts';
import { readCpus } from '../cpuset/read-cpus.ts';
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
import { JsonReader } from '../lib/json-reader.ts';
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

const CORE_TYPES: readonly CoreType[] = ['standard', 'p-core', 'e-core'];
const ISOLATED = ['prefer', 'require'] as const;

function parseCase(line: string): JsonReader {
  const fail = (why: string): never => {
    throw new PlanCaseError('InvalidCase', `Cannot read the case: ${why}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    return fail(`it is not JSON (${String(cause)}); want one object per line`);
  }
  return new JsonReader(value, {
    fail: ({ path, value: found, want }) => fail(`${path || 'the line'} is ${found}; want ${want}`),
  });
}

function readPolicy(reader: JsonReader): PlacementPolicy {
  const text = reader.text('policy');
  const policy = PLACEMENT_POLICIES.find((one) => one === text);
  if (policy) return policy;
  throw new PlanCaseError(
    'UnknownPolicy',
    `Cannot read the case: there is no policy ${quote(text)}; want one of ${PLACEMENT_POLICIES.join(', ')}`,
  );
}

/** Others hold whatever is not free. */
function readAvoidSharing(reader: JsonReader, topology: CpuTopology, free: CpuSet): AvoidSharing | undefined {
  const domain = reader.optionalOneOf('avoidSharing', SHARED_DOMAINS);
  return domain && { domain, others: topology.online.difference(free) };
}

function readRequest(reader: JsonReader, topology: CpuTopology): PlacementRequest {
  const coreType = reader.optionalOneOf('coreType', CORE_TYPES);
  const isolated = reader.optionalOneOf('isolated', ISOLATED);
  const [roundUp, singleSocket] = [reader.optionalFlag('roundUp'), reader.optionalFlag('singleSocket')];
  const free = readCpus(reader, 'free');
  const avoidSharing = readAvoidSharing(reader, topology, free);
  return {
    free,
    cpus: reader.number('cpus'),
    policy: readPolicy(reader),
    ...(reader.has('group') && { group: reader.number('group') }),
    ...(coreType && { coreType }),
    ...(isolated && { isolated }),
    ...(reader.has('nodes') && { nodes: reader.number('nodes') }),
    ...(reader.has('near') && { near: readCpus(reader, 'near') }),
    ...(roundUp === undefined ? {} : { roundUp }),
    ...(singleSocket === undefined ? {} : { singleSocket }),
    ...(avoidSharing && { avoidSharing }),
  };
}

function findTopology(reader: JsonReader, { topologies }: PlanContext): CpuTopology {
  const name = reader.text('topology');
  const topology = topologies.get(name);
  if (topology) return topology;
  throw new PlanCaseError(
    'UnknownTopology',
    `Cannot read the case: there is no topology ${quote(name)}; the file has ${quoteNames(topologies.keys())}`,
  );
}

function answer(reader: JsonReader, context: PlanContext): PlannedCpus {
  const topology = findTopology(reader, context);
  const request = readRequest(reader, topology);
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
    const reader = parseCase(line);
    id = reader.raw('id') ?? null;
    return { id, ...answer(reader, context) };
  } catch (error) {
    if (!(error instanceof PlanCaseError || error instanceof PlacementError)) throw error;
    return { id, error: { code: error.code, message: error.message } };
  }
}
