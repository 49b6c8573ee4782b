import { CodedError } from '../lib/coded-error.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';
import { isWithin } from '../lib/json.ts';
import { suggestName } from '../lib/nearest-name.ts';
import { PLACEMENT_POLICIES, type PlacementPolicy, SHARED_DOMAINS, type SharedDomain } from '../placement/take-cpus.ts';
import type { CoreType } from '../topology/topology.ts';
import { quote } from '../lib/quote.ts';

/** What a claim or a DeviceClass wishes of the CPUs of a request; what it does not name is undefined. */
export interface CpuParameters {
  /** These CPUs and no others. */
  readonly cpuset?: CpuSet;
  readonly placement?: PlacementPolicy;
  readonly fullPhysicalCores?: boolean;
  readonly coreType?: CoreType;
  readonly isolated?: 'prefer' | 'require';
  /** `distributed`: CPUs are handed out in groups of this size. */
  readonly groupSize?: number;
  /** `distributed`: over exactly this many NUMA nodes. */
  readonly numaNodes?: number;
  /** CPUs local to these PCIe roots are preferred. */
  readonly nearPCIeRoots?: readonly string[];
  /** All CPUs must be of one socket. */
  readonly singleSocket?: boolean;
  /** Of equal choices the one that shares least of these with other claims. */
  readonly avoidSharing?: SharedDomain;
  /** From which NUMA nodes the container's memory comes: any of them, or those of its CPUs. Chooses no CPUs. */
  readonly memoryNodes?: 'any' | 'local';
  /** Whether the container runs on the shared CPUs besides its own. Chooses no CPUs. */
  readonly sharedCPUs?: boolean;
}

/** Opaque parameters that make no sense. The message names the key, the value and what is allowed. */
export class OpaqueParametersError extends CodedError<'InvalidParameters'> {
  override readonly name = 'OpaqueParametersError';
}

/** The one version of the parameters (the reference's). */
const API_VERSION = 'v1alpha1';

/** The API server takes as much (resource.k8s.io/v1, OpaqueParametersMaxLength); none of our keys needs more than three levels. */
const LIMITS = { lengthMax: 10 * 1024, depthMax: 16 };

/** A JSON schema (draft 2020-12), as far as this file uses it. */
interface Schema {
  readonly type: string;
  readonly description?: string;
  readonly [keyword: string]: unknown;
}

/** One key of `cpuConfig`: its schema without description, what is wanted in words, and how it is read. */
interface Key<T> {
  readonly schema: Schema;
  readonly help: string;
  readonly want: string;
  /** The value, or undefined when it is not as wanted. */
  readonly read: (value: unknown) => T | undefined;
}

function oneOf<const Word extends string>(words: readonly Word[], help: string): Key<Word> {
  return {
    schema: { type: 'string', enum: words },
    help,
    want: `one of ${words.map((word) => JSON.stringify(word)).join(', ')}`,
    read: (value) => words.find((word) => word === value),
  };
}

/** Highest number of a group or of nodes: more CPUs than that no claim gets. */
const COUNT_MAX = 8192;

function count(help: string): Key<number> {
  return {
    schema: { type: 'integer', minimum: 1, maximum: COUNT_MAX },
    help,
    want: `a whole number from 1 to ${COUNT_MAX}`,
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= COUNT_MAX ? value : undefined,
  };
}

function flag(help: string): Key<boolean> {
  return {
    schema: { type: 'boolean' },
    help,
    want: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  };
}

/** PCIe roots as sysfs names them (Linux 6.12, drivers/pci/probe.c: "pci%04x:%02x"; domains may be longer). */
const PCIE_ROOT = '^pci[0-9a-f]{4,8}:[0-9a-f]{2}$';
const PCIE_ROOTS_MAX = 64;

function readPcieRoots(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > PCIE_ROOTS_MAX) return undefined;
  const isRoot = (item: unknown) => typeof item === 'string' && new RegExp(PCIE_ROOT).test(item);
  return value.every(isRoot) ? (value as string[]) : undefined;
}

function readCpuset(value: unknown): CpuSet | undefined {
  // The newline that files end with is none of a parameter.
  if (typeof value === 'string' && value.trim() !== value) return undefined;
  const cpus = tryParseCpuList(value);
  return cpus?.isEmpty ? undefined : cpus;
}

/** Every key of `cpuConfig`, in the order readers see it: the parser, the messages and the JSON schema come from here. */
const KEYS: { readonly [Name in keyof CpuParameters]-?: Key<NonNullable<CpuParameters[Name]>> } = {
  cpuset: {
    schema: { type: 'string', pattern: '^\\d+(-\\d+)?(,\\d+(-\\d+)?)*$' },
    help: 'Exactly these CPUs, a Linux CPU list. Not in a DeviceClass, and not together with keys that choose CPUs.',
    want: 'a Linux CPU list of one CPU or more such as "2-5" or "0,4-6"',
    read: readCpuset,
  },
  placement: oneOf(PLACEMENT_POLICIES, 'How the CPUs are chosen; default packed.'),
  fullPhysicalCores: flag('Whole physical cores only; a request that they do not add up to is refused.'),
  coreType: oneOf(['standard', 'p-core', 'e-core'], 'CPUs of this type only.'),
  isolated: oneOf(['prefer', 'require'], 'Isolated CPUs (isolcpus=) first, or only them.'),
  groupSize: count('With placement "distributed": CPUs are handed out in groups of this size; default 1.'),
  numaNodes: count('With placement "distributed": over exactly this many NUMA nodes; default the fewest that can.'),
  nearPCIeRoots: {
    schema: {
      type: 'array',
      minItems: 1,
      maxItems: PCIE_ROOTS_MAX,
      items: { type: 'string', pattern: PCIE_ROOT },
    },
    help: 'CPUs local to these PCIe roots are preferred, then those of the nearest NUMA nodes.',
    want: 'a list of PCIe roots such as ["pci0000:00"]',
    read: readPcieRoots,
  },
  singleSocket: flag('All CPUs of one socket, with any placement; a request that no socket can hold is refused.'),
  avoidSharing: oneOf(
    SHARED_DOMAINS,
    'Of equally good choices, the one whose L2 caches, L3 caches or cores other claims use least; "l3" includes "l2", and both include "core".',
  ),
  memoryNodes: oneOf(
    ['any', 'local'],
    "The container's memory comes from any NUMA node, or from those of its CPUs only (cpuset.mems); default any.",
  ),
  sharedCPUs: flag(
    "The container runs on the shared CPUs, too, besides its own that are nobody else's; default false.",
  ),
};

/** Keys that choose CPUs, which an explicit list leaves nothing to. */
const CHOOSING = [
  'placement',
  'coreType',
  'isolated',
  'groupSize',
  'numaNodes',
  'nearPCIeRoots',
  'singleSocket',
  'avoidSharing',
] as const;

/** The first key that has to do with which CPUs a request gets; undefined where every CPU would do. */
export function findChoosingKey(parameters: CpuParameters): keyof CpuParameters | undefined {
  return (['cpuset', 'fullPhysicalCores', ...CHOOSING] as const).find((key) => parameters[key] !== undefined);
}

/** The parameters without those that choose CPUs, but for `fullPhysicalCores`: what a list of CPUs leaves of defaults. */
export function dropChoosing(parameters: CpuParameters): CpuParameters {
  const kept = Object.entries(parameters).filter(([key]) => !(CHOOSING as readonly string[]).includes(key));
  return Object.fromEntries(kept);
}

function fail(message: string): never {
  throw new OpaqueParametersError('InvalidParameters', message);
}

function readObject(value: unknown, path: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(`${path} is ${quote(value)}; want an object`);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const hint = suggestName(unknown, known) || `; want one of ${known.join(', ')}`;
    return fail(`${path} has the unknown key ${quote(unknown)}${hint}`);
  }
  return value as Record<string, unknown>;
}

function readKey<T>(name: string, { read, want, schema }: Key<T>, value: unknown): T {
  const result = read(value);
  if (result !== undefined) return result;
  const hint = typeof value === 'string' && Array.isArray(schema['enum']) ? suggestName(value, schema['enum']) : '';
  return fail(`cpuConfig.${name} is ${quote(value)}; want ${want}${hint}`);
}

/**
 * Refuses keys that contradict each other.
 * @throws OpaqueParametersError naming both keys.
 */
export function checkParameters(parameters: CpuParameters): void {
  const { cpuset, placement = 'packed', fullPhysicalCores, groupSize, numaNodes } = parameters;
  const choosing = CHOOSING.find((key) => parameters[key] !== undefined);
  if (cpuset && choosing) fail(`cpuConfig has both cpuset and ${choosing}; a list of CPUs leaves nothing to choose`);
  for (const [key, value] of Object.entries({ groupSize, numaNodes })) {
    if (value !== undefined && placement !== 'distributed') {
      fail(`cpuConfig.${key} goes with placement "distributed" only; the placement is ${quote(placement)}`);
    }
  }
  if (fullPhysicalCores === true && (placement === 'spread' || placement === 'one-thread-per-core')) {
    fail(`cpuConfig.fullPhysicalCores is true and placement ${quote(placement)}, which leaves threads of cores free`);
  }
  if (fullPhysicalCores === false && placement === 'full-cores') {
    fail('cpuConfig.fullPhysicalCores is false and placement "full-cores"; remove one');
  }
}

/**
 * Reads opaque parameters: `{"apiVersion":"v1alpha1","cpuConfig":{...}}`.
 * @throws OpaqueParametersError for an unknown key, a value of another type or kind, or keys that contradict each other.
 */
export function parseOpaqueParameters(json: unknown): CpuParameters {
  if (!isWithin(json, LIMITS)) {
    fail(`parameters are longer than ${LIMITS.lengthMax} characters or nested deeper than ${LIMITS.depthMax} levels`);
  }
  const { apiVersion, cpuConfig } = readObject(json, 'parameters', ['apiVersion', 'cpuConfig']);
  if (apiVersion !== API_VERSION) fail(`apiVersion is ${quote(apiVersion)}; want "${API_VERSION}"`);
  const fields = readObject(cpuConfig, 'cpuConfig', Object.keys(KEYS));
  const parameters: CpuParameters = Object.fromEntries(
    Object.entries(KEYS).flatMap(([name, key]) =>
      fields[name] === undefined ? [] : [[name, readKey<unknown>(name, key, fields[name])]],
    ),
  );
  checkParameters(parameters);
  return parameters;
}

/** The JSON schema of opaque parameters, for editors and for checks before a claim is created. */
export function describeParametersSchema(): Schema {
  const properties = Object.entries(KEYS).map(([name, { schema, help }]) => [name, { description: help, ...schema }]);
  const goesWithDistributed = { required: ['placement'], properties: { placement: { const: 'distributed' } } };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'opaque-parameters.schema.json',
    title: 'Opaque parameters of dra.cpu in a ResourceClaim or DeviceClass',
    type: 'object',
    additionalProperties: false,
    required: ['apiVersion', 'cpuConfig'],
    properties: {
      apiVersion: { type: 'string', const: API_VERSION },
      cpuConfig: {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(properties),
        dependentSchemas: {
          cpuset: { properties: Object.fromEntries(CHOOSING.map((key) => [key, false])) },
          groupSize: goesWithDistributed,
          numaNodes: goesWithDistributed,
        },
      },
    },
  };
}

/** Keys with what they are for, for the documentation's table. */
export function describeParameters(): { readonly name: string; readonly want: string; readonly help: string }[] {
  return Object.entries(KEYS).map(([name, { want, help }]) => ({ name, want, help }));
}
