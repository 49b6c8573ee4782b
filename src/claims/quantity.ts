/** Factors of the suffixes of a Kubernetes quantity (apimachinery pkg/api/resource, suffix.go, 1.34). */
const SUFFIX_EXPONENTS: Record<string, readonly [base: bigint, exponent: number]> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  '': [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

/** Longest text that can be a quantity; the API server stores canonical ones, which are far shorter. */
const QUANTITY_LENGTH_MAX = 64;
/** Exponents beyond this are no CPU count; it bounds the arithmetic (2^60 is the largest suffix, Ei). */
const EXPONENT_MAX = 60;

/** What a quantity says about a count of CPUs. */
export type CountReading =
  | { readonly kind: 'whole'; readonly count: bigint }
  | { readonly kind: 'fraction' }
  | { readonly kind: 'unreadable' };

/** A quantity as an exact fraction, or undefined when the text is none. */
function readRatio(quantity: string): { numerator: bigint; denominator: bigint } | undefined {
  if (quantity.length > QUANTITY_LENGTH_MAX) return undefined;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(quantity);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', exponentText, suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const [base, exponent] =
    exponentText === undefined ? (SUFFIX_EXPONENTS[suffix] ?? [10n, 0]) : [10n, Number(exponentText)];
  if (Math.abs(exponent) > EXPONENT_MAX) return undefined;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const numerator = exponent >= 0 ? digits * base ** BigInt(exponent) : digits;
  const denominator = 10n ** BigInt(fraction.length) * (exponent < 0 ? base ** BigInt(-exponent) : 1n);
  return { numerator, denominator };
}

/**
 * Reads a Kubernetes quantity ("4", "4000m", "1e1", "2k") as a count. Exact: no floating point is involved.
 * @example readCount('4000m') // { kind: 'whole', count: 4n }
 */
export function readCount(quantity: string): CountReading {
  const ratio = readRatio(quantity);
  if (!ratio) return { kind: 'unreadable' };
  const { numerator, denominator } = ratio;
  return numerator % denominator === 0n ? { kind: 'whole', count: numerator / denominator } : { kind: 'fraction' };
}

/**
 * Reads a Kubernetes quantity as thousandths, rounded up as the kubelet does (apimachinery 1.34, Quantity.MilliValue).
 * @returns undefined when the text is no quantity.
 * @example readMillis('1.5') // 1500n
 */
export function readMillis(quantity: string): bigint | undefined {
  const ratio = readRatio(quantity);
  if (!ratio) return undefined;
  const [thousandths, { denominator }] = [ratio.numerator * 1_000n, ratio];
  const isRounded = thousandths % denominator !== 0n && thousandths > 0n;
  return thousandths / denominator + (isRounded ? 1n : 0n);
}
