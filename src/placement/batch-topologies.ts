import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { TopologyJsonError, topologyFromJson } from '../topology/topology-from-json.ts';

/** A topologies file that cannot be used. The message names the machine and the place that is wrong. */
export class BatchTopologiesError extends CodedError<'InvalidTopologies'> {
  override readonly name = 'BatchTopologiesError';
}

function fail(message: string): never {
  throw new BatchTopologiesError('InvalidTopologies', message);
}

/** Reads one machine, which may also be what `dracpu topology -o json` prints. */
function readMachine(name: string, machine: unknown): CpuTopology {
  try {
    return topologyFromJson(machine);
  } catch (error) {
    if (!(error instanceof TopologyJsonError)) throw error;
    return fail(`${error.message} (machine ${quote(name)})`);
  }
}

/**
 * Reads the machines of a batch (`dracpu plan --batch`) by name, each of them
 * `{"cpus":[{"cpu","core","socket","numaNode","l3Cache"?,"cluster"?,"coreType"?,"isolated"?}]}`,
 * with the distances of its nodes as `"numaNodes":[{"numaNode","distances"}]` or as `"distances":[[...]]`.
 * @throws BatchTopologiesError naming the machine and the place that is wrong.
 */
export function parseBatchTopologies(json: unknown): Map<string, CpuTopology> {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  if (!isObject) return fail('Cannot read the topologies: want an object of machines by name');
  return new Map(Object.entries(json).map(([name, machine]) => [name, readMachine(name, machine)]));
}
