import { CodedError } from '../lib/coded-error.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { quote } from '../lib/quote.ts';

/** A JSON value that is no topology. The message names the entry that is wrong. */
export class TopologyJsonError extends CodedError<'InvalidTopology'> {
  override readonly name = 'TopologyJsonError';
}

/** Values longer than this are cut in messages: a list of CPUs fills many screens. */
const SHOWN_LENGTH_MAX = 60;

/** An object of the document, which knows where it stands for the sake of messages. Its methods throw TopologyJsonError. */
export class JsonEntry {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #place: string;

  constructor(value: unknown, place: string) {
    this.#place = place;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TopologyJsonError(
        'InvalidTopology',
        `Cannot read the topology: ${place} is ${quote(value)}; want an object`,
      );
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  fail(key: string, want: string): never {
    const text = quote(this.#fields[key], 'absent');
    const value = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}...` : text;
    throw new TopologyJsonError(
      'InvalidTopology',
      `Cannot read the topology: "${key}" of ${this.#place} is ${value}; want ${want}`,
    );
  }

  /** A number from 0, or undefined where the key is absent. */
  optionalId(key: string, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.#fields[key];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    return this.fail(key, `a whole number from 0 to ${max}`);
  }

  id(key: string, max?: number): number {
    return this.optionalId(key, max) ?? this.fail(key, 'a whole number');
  }

  text(key: string): string {
    const value = this.#fields[key];
    return typeof value === 'string' ? value : this.fail(key, 'a text');
  }

  /** The CPUs of a Linux list; none where the key is absent. */
  cpus(key: string): CpuSet {
    if (this.#fields[key] === undefined) return CpuSet.empty;
    try {
      return parseCpuList(this.text(key));
    } catch (error) {
      if (error instanceof CpuListError) return this.fail(key, `a CPU list (${error.message})`);
      throw error;
    }
  }

  oneOf<T>(key: string, values: readonly T[], fallback: T): T {
    const value = this.#fields[key] ?? fallback;
    return values.find((one) => one === value) ?? this.fail(key, `one of ${values.join(', ')}`);
  }

  /** Undefined where the key is absent. */
  optionalFlag(key: string): boolean | undefined {
    const value = this.#fields[key];
    if (value === undefined || typeof value === 'boolean') return value;
    return this.fail(key, 'true or false');
  }

  numbers(key: string): readonly number[] | undefined {
    const value = this.#fields[key];
    if (value === undefined) return undefined;
    const isList = Array.isArray(value) && value.every((one) => typeof one === 'number');
    return isList ? value : this.fail(key, 'a list of numbers');
  }

  /** The objects of a list; none where the key is absent. */
  entries(key: string): JsonEntry[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value)) return this.fail(key, 'a list');
    return value.map((one, i) => new JsonEntry(one, `entry ${i} of "${key}"`));
  }
}
