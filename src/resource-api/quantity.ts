/** Notation of a quantity: it survives canonicalisation (apimachinery pkg/api/resource, 1.34). */
type QuantityFormat = 'decimal' | 'binary' | 'exponent';

/** A Kubernetes quantity: an exact count of nanos (10^-9) and its notation. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO_EXPONENT = 9;
const NANOS = 10n ** BigInt(NANO_EXPONENT);
const NANOS_PER_MILLI = 10n ** 6n;
/** Longer texts are no quantity that a person or a driver writes; it bounds the arithmetic. */
const TEXT_LENGTH_MAX = 64;
const EXPONENT_MAX = 30;

/** What a suffix multiplies by in nanos, as a power of ten or of two; undefined for an unknown suffix. */
function readSuffix(suffix: string): { base: bigint; exponent: number; format: QuantityFormat } | undefined {
  const decimal = DECIMAL_SUFFIXES.indexOf(suffix);
  if (decimal >= 0) return { base: 10n, exponent: 3 * decimal, format: 'decimal' };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary >= 0) return { base: 2n, exponent: 10 * binary, format: 'binary' };
  const exponent = /^[eE]([+-]?\d{1,2})$/.exec(suffix);
  if (!exponent || Math.abs(Number(exponent[1])) > EXPONENT_MAX) return undefined;
  return { base: 10n, exponent: Number(exponent[1]) + NANO_EXPONENT, format: 'exponent' };
}

/** Quotient rounded away from zero, as the API server rounds below nanos. */
function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (dividend % divisor === 0n) return quotient;
  return dividend > 0n ? quotient + 1n : quotient - 1n;
}

/**
 * Reads a quantity, undefined when the text is none.
 * @example parseQuantity('1500m')?.nanos // 1500000000n
 */
export function parseQuantity(text: string): Quantity | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([a-zA-Z]*[+-]?\d*)$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  const factor = readSuffix(suffix);
  if (!factor || whole + fraction === '') return undefined;
  const { base, exponent, format } = factor;
  const unit = format === 'binary' ? NANOS : 1n;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n) * unit;
  const dividend = exponent > 0 ? digits * base ** BigInt(exponent) : digits;
  const divisor = 10n ** BigInt(fraction.length) * (exponent < 0 ? base ** BigInt(-exponent) : 1n);
  return { nanos: divideRoundingUp(dividend, divisor), format };
}

function formatBinary(nanos: bigint): string | undefined {
  if (nanos % NANOS !== 0n) return undefined;
  let value = nanos / NANOS;
  let power = 0;
  while (value !== 0n && value % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
    value /= 1024n;
    power++;
  }
  return `${value}${BINARY_SUFFIXES[power] ?? ''}`;
}

/** The canonical text: no fraction, the largest suffix that keeps it exact. */
export function formatQuantity(quantity: Quantity): string {
  const binary = quantity.format === 'binary' ? formatBinary(quantity.nanos) : undefined;
  if (binary !== undefined) return binary;
  let value = quantity.nanos;
  let power = 0;
  if (value === 0n) return '0';
  while (value % 1000n === 0n && power < DECIMAL_SUFFIXES.length - 1) {
    value /= 1000n;
    power++;
  }
  if (quantity.format !== 'exponent') return `${value}${DECIMAL_SUFFIXES[power] ?? ''}`;
  return power === 3 ? `${value}` : `${value}e${3 * power - 9}`;
}

/** Canonical text of a quantity, or the text itself where it is none (validation reports it). */
export function canonicalQuantity(text: string): string {
  const quantity = parseQuantity(text);
  return quantity ? formatQuantity(quantity) : text;
}

/** What a quantity says about a count of CPUs. */
export type CountReading =
  | { readonly kind: 'whole'; readonly count: bigint }
  | { readonly kind: 'fraction' }
  | { readonly kind: 'unreadable' };

/**
 * Reads a Kubernetes quantity ("4", "4000m", "1e1", "2k") as a count. Exact: no floating point is involved.
 * @example readCount('4000m') // { kind: 'whole', count: 4n }
 */
export function readCount(text: string): CountReading {
  const quantity = parseQuantity(text);
  if (!quantity) return { kind: 'unreadable' };
  const { nanos } = quantity;
  return nanos % NANOS === 0n ? { kind: 'whole', count: nanos / NANOS } : { kind: 'fraction' };
}

/**
 * Reads a Kubernetes quantity as thousandths, rounded up as the kubelet does (apimachinery 1.34, Quantity.MilliValue).
 * @returns undefined when the text is no quantity.
 * @example readMillis('1.5') // 1500n
 */
export function readMillis(text: string): bigint | undefined {
  const quantity = parseQuantity(text);
  if (!quantity) return undefined;
  const { nanos } = quantity;
  const isRounded = nanos % NANOS_PER_MILLI !== 0n && nanos > 0n;
  return nanos / NANOS_PER_MILLI + (isRounded ? 1n : 0n);
}
