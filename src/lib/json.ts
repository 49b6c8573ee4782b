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
