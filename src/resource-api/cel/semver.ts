/** A semantic version (semver.org 2.0.0); build metadata takes no part in comparisons. */
export class Semver {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly #preRelease: readonly string[];

  private constructor(numbers: readonly [bigint, bigint, bigint], preRelease: readonly string[]) {
    [this.major, this.minor, this.patch] = numbers;
    this.#preRelease = preRelease;
  }

  /** Reads a version, undefined when the text is none. */
  static parse(text: string): Semver | undefined {
    const match = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
    if (!match) return undefined;
    const [, major = '', minor = '', patch = '', preRelease] = match;
    return new Semver([BigInt(major), BigInt(minor), BigInt(patch)], preRelease?.split('.') ?? []);
  }

  /** Negative, zero or positive as this version is older than, equal to or newer than the other. */
  compareTo(other: Semver): bigint {
    for (const part of ['major', 'minor', 'patch'] as const) {
      if (this[part] !== other[part]) return this[part] < other[part] ? -1n : 1n;
    }
    return comparePreReleases(this.#preRelease, other.#preRelease);
  }
}

function compareIdentifiers(a: string, b: string): bigint {
  const areNumbers = [a, b].map((identifier) => /^\d+$/.test(identifier));
  if (areNumbers[0] && areNumbers[1]) return BigInt(a) < BigInt(b) ? -1n : BigInt(a) > BigInt(b) ? 1n : 0n;
  if (areNumbers[0] !== areNumbers[1]) return areNumbers[0] ? -1n : 1n;
  return a < b ? -1n : a > b ? 1n : 0n;
}

/** A release is newer than its pre-releases; more identifiers are newer than fewer equal ones. */
function comparePreReleases(a: readonly string[], b: readonly string[]): bigint {
  if (a.length === 0 || b.length === 0) return BigInt(Math.sign(b.length - a.length));
  for (const [index, identifier] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1n;
    const order = compareIdentifiers(identifier, other);
    if (order !== 0n) return order;
  }
  return BigInt(Math.sign(a.length - b.length));
}
