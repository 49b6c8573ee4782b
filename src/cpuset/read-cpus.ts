import type { JsonReader } from '../lib/json-reader.ts';
import { CpuSet } from './cpu-set.ts';
import { CpuListError, parseCpuList } from './parse.ts';

/** The CPUs of a Linux list that a JSON document has at `key`. Where it is not one, the reader fails. */
export function readCpus(reader: JsonReader, key: string): CpuSet {
  try {
    return parseCpuList(reader.text(key));
  } catch (error) {
    if (error instanceof CpuListError) return reader.fail(key, `a CPU list (${error.message})`);
    throw error;
  }
}

/** As {@link readCpus}; no CPUs where the document has no such key. */
export function readOptionalCpus(reader: JsonReader, key: string): CpuSet {
  return reader.has(key) ? readCpus(reader, key) : CpuSet.empty;
}
