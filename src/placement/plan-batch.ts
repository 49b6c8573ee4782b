import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import type { CoreType, CpuTopology } from '../topology/topology.ts';
import { PlacementError, type PlacementErrorCode } from './placement-error.ts';
import {
  PLACEMENT_POLICIES,
  type PlacementPolicy,
  type PlacementRequest,
  type PlacementScore,
  takeCpus,
} from './take-cpus.ts';
import { openWorkspace } from './workspace.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote, quoteNames } from '../lib/quote.ts';

/** Why a case of a batch has no CPUs. */
type PlanErrorCode = PlacementErrorCode | 'UnknownTopology' | 'UnknownPolicy';

/** The answer to one case; `id` is the case's own, null where the line has none. */
export type PlanAnswer =
  | { readonly id: unknown; readonly cpus: string; readonly score: PlacementScore; readonly micros: number }
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

function readFree(fields: Fields): PlacementRequest['free'] {
  try {
    return parseCpuList(readText(fields, 'free'));
  } catch (error) {
    if (error instanceof CpuListError) throw new PlanCaseError('InvalidCase', error.message);
    throw error;
  }
}

function readRequest(fields: Fields): PlacementRequest {
  const coreType = readChoice(fields, 'coreType', CORE_TYPES);
  const isolated = readChoice(fields, 'isolated', ['prefer', 'require'] as const);
  const { roundUp } = fields;
  if (roundUp !== undefined && typeof roundUp !== 'boolean') throw invalid('roundUp', roundUp, 'true or false');
  return {
    free: readFree(fields),
    cpus: readNumber(fields, 'cpus'),
    policy: readPolicy(fields),
    ...(fields['group'] === undefined ? {} : { group: readNumber(fields, 'group') }),
    ...(coreType && { coreType }),
    ...(isolated && { isolated }),
    ...(roundUp === undefined ? {} : { roundUp }),
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

function answerFields(fields: Fields, context: PlanContext): Omit<Extract<PlanAnswer, { cpus: string }>, 'id'> {
  const topology = findTopology(fields, context);
  const request = readRequest(fields);
  openWorkspace(topology);
  const start = context.now();
  const { cpus, score } = takeCpus(topology, request);
  const micros = Math.round((context.now() - start) * 10_000) / 10;
  return { cpus: cpus.toString(), score, micros };
}

/**
 * Answers one line of a batch: `{"id","topology","free","cpus","policy","group"?,"coreType"?,"isolated"?,"roundUp"?}`. Never
 * throws for what the line says: that is the answer.
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
