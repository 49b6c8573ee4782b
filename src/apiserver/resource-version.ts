/** Decimal digits without leading zeros; 39 are enough for 128 bits (KEP-5504). */
const VERSION = /^(0|[1-9]\d{0,38})$/;

/** Whether a text is a resourceVersion that can be compared (KEP-5504, Kubernetes 1.35; every earlier release wrote such too). */
function isResourceVersion(value: unknown): value is string {
  return typeof value === 'string' && VERSION.test(value);
}

/** Whether one resourceVersion is of an earlier write than another of the same resource. */
export function isEarlier(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}

/** Before every write. */
const UNKNOWN_VERSION = '0';

/**
 * A resourceVersion for comparing. One that cannot be compared counts as older than all others, so that what carries it is not believed
 * without a list.
 */
export function toComparable(value: unknown): string {
  return isResourceVersion(value) ? value : UNKNOWN_VERSION;
}
