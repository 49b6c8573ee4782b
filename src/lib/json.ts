/** A JSON object of unknown fields. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of a value that should be an object; none where it is no object, so that reading goes on to what is missing. */
export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

/** The items of a value that should be a list; none where it is no list. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** How large a value may be. */
export interface JsonLimits {
  /** Characters of its JSON. */
  readonly lengthMax: number;
  /** Levels of lists and maps within each other. */
  readonly depthMax: number;
}

/** Counts the characters of a value's JSON, no further than to its limits. */
class JsonMeter {
  readonly #limits: JsonLimits;
  #length = 0;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
  }

  /** Whether the value is within the limits so far. */
  isWithin(value: unknown, depth = 0): boolean {
    if (typeof value === 'string') return this.#add(value.length + 2);
    if (typeof value !== 'object' || value === null) return this.#add(String(value).length);
    if (depth === this.#limits.depthMax) return false;
    if (Array.isArray(value))
      return this.#add(2) && value.every((item) => this.#add(1) && this.isWithin(item, depth + 1));
    return this.#add(2) && this.#areFieldsWithin(value as JsonObject, depth);
  }

  #areFieldsWithin(fields: JsonObject, depth: number): boolean {
    for (const key in fields) {
      if (!this.#add(key.length + 4) || !this.isWithin(fields[key], depth + 1)) return false;
    }
    return true;
  }

  #add(length: number): boolean {
    this.#length += length;
    return this.#length <= this.#limits.lengthMax;
  }
}

/** Whether a value is small enough to be worked on; what it takes to find out is bounded by the limits. */
export function isWithin(value: unknown, limits: JsonLimits): boolean {
  return new JsonMeter(limits).isWithin(value);
}
