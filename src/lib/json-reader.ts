import { quote } from './quote.ts';

/** Characters of a text that is to be a name, UID or quantity of the Kubernetes API, all of which are shorter. */
const NAME_LENGTH_MAX = 512;

/** A value of a document that is not as it should be. */
export interface JsonProblem {
  /** Where it is, such as `status.devices[0].pool`; "" for the whole document. */
  readonly path: string;
  /** The value as a message may show it. */
  readonly value: string;
  /** What it should be, such as "a list". */
  readonly want: string;
}

/** How a document is read. */
export interface JsonReaderOptions {
  /** Throws the error of the document's kind. */
  readonly fail: (problem: JsonProblem) => never;
  /** Items that a list may have. */
  readonly itemsMax?: number;
}

/**
 * Reads the fields of an untyped JSON object, and of those within it, and fails with the place of the first one that is
 * wrong. As in the Kubernetes API null is the same as absent, and keys that are not asked for do not matter.
 */
export class JsonReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #options: JsonReaderOptions;

  constructor(value: unknown, options: JsonReaderOptions, path = '') {
    this.#options = options;
    this.#path = path;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#fields = isObject ? (value as Readonly<Record<string, unknown>>) : this.#fail(path, value, 'an object');
  }

  /** Fails with the value of a key. */
  fail(key: string, want: string): never {
    return this.#fail(this.#at(key), this.#fields[key], want);
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** The value of a key as it is; undefined where it is absent. */
  raw(key: string): unknown {
    return this.#fields[key] ?? undefined;
  }

  /** An object that has to be there. */
  object(key: string): JsonReader {
    return new JsonReader(this.#fields[key], this.#options, this.#at(key));
  }

  optionalObject(key: string): JsonReader | undefined {
    return this.has(key) ? this.object(key) : undefined;
  }

  /** The objects of a list; none where it is absent. */
  objects(key: string): JsonReader[] {
    return this.#list(key).map((item, index) => new JsonReader(item, this.#options, `${this.#at(key)}[${index}]`));
  }

  /** A text of any length that has to be there; it may be empty. */
  text(key: string): string {
    const value = this.#fields[key];
    return typeof value === 'string' ? value : this.fail(key, 'a string');
  }

  /** A text of the length of a name that has to be there. */
  name(key: string): string {
    const value = this.#fields[key];
    const isName = typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX;
    return isName ? value : this.fail(key, `a string of 1 to ${NAME_LENGTH_MAX} characters`);
  }

  optionalName(key: string): string | undefined {
    return this.has(key) ? this.name(key) : undefined;
  }

  /** The texts of a list; none where it is absent. */
  texts(key: string): string[] {
    const items = this.#list(key);
    return items.every((item) => typeof item === 'string') ? items : this.fail(key, 'a list of strings');
  }

  /** A number that has to be there. */
  number(key: string): number {
    const value = this.#fields[key];
    return typeof value === 'number' ? value : this.fail(key, 'a number');
  }

  /** A whole number from 0 that has to be there. */
  wholeNumber(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#fields[key];
    const isWhole = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
    return isWhole ? value : this.fail(key, `a whole number from 0 to ${max}`);
  }

  optionalWholeNumber(key: string, max?: number): number | undefined {
    return this.has(key) ? this.wholeNumber(key, max) : undefined;
  }

  optionalFlag(key: string): boolean | undefined {
    const value = this.raw(key);
    return value === undefined || typeof value === 'boolean' ? value : this.fail(key, 'true or false');
  }

  /** One of some values; undefined where it is absent. */
  optionalOneOf<T>(key: string, values: readonly T[]): T | undefined {
    if (!this.has(key)) return undefined;
    return values.find((value) => value === this.#fields[key]) ?? this.fail(key, `one of ${values.join(', ')}`);
  }

  #list(key: string): unknown[] {
    const { itemsMax = Number.POSITIVE_INFINITY } = this.#options;
    const value = this.raw(key) ?? [];
    if (!Array.isArray(value)) return this.fail(key, 'a list');
    return value.length <= itemsMax ? value : this.fail(key, `a list of at most ${itemsMax} items`);
  }

  #at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  #fail(path: string, value: unknown, want: string): never {
    return this.#options.fail({ path, value: quote(value), want });
  }
}
