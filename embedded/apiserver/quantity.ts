/** Notation of a quantity: it survives canonicalisation (apimachinery pkg/api/resource, 1.34). */
type QuantityFormat = 'decimal' | 'binary' | 'exponent';

/** A Kubernetes quantity: an exact count of nanos (10^-9) and its notation. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANOS = 10n ** 9n;
/** Longer texts are no quantity that a person or a driver writes; it bounds the arithmetic. */
const TEXT_LENGTH_MAX = 64;
const EXPONENT_MAX = 30;

/** Factor of a suffix as a fraction of nanos: [numerator, format], undefined for an unknown suffix. */
function suffixFactor(suffix: string): { nanos: bigint; format: QuantityFormat } | undefined {
  const decimal = DECIMAL_SUFFIXES.indexOf(suffix);
  if (decimal >= 0) return { nanos: 10n ** BigInt(3 * decimal), format: 'decimal' };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary >= 0) return { nanos: NANOS * 1024n ** BigInt(binary), format: 'binary' };
  const exponent = /^[eE]([+-]?\d{1,2})$/.exec(suffix);
  if (!exponent || Math.abs(Number(exponent[1])) > EXPONENT_MAX) return undefined;
  const shift = Number(exponent[1]) + 9;
  return { nanos: shift >= 0 ? 10n ** BigInt(shift) : 0n, format: 'exponent' };
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
  const factor = suffixFactor(suffix);
  if (!factor || whole + fraction === '') return undefined;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const nanos = divideRoundingUp(digits * factor.nanos, 10n ** BigInt(fraction.length));
  return { nanos, format: factor.format };
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
