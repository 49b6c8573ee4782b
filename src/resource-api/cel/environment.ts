import { CodedError } from '../../lib/coded-error.ts';
import { Environment } from '@marcbachmann/cel-js';
import { parseQuantity } from '../quantity.ts';
import { Semver } from './semver.ts';

/** A quantity as an expression sees it. */
export class CelQuantity {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** Thrown when an expression meets a value it cannot work with. */
class SelectorValueError extends CodedError<'SelectorValue'> {
  override readonly name = 'SelectorValueError';
}

const NANOS = 10n ** 9n;
/** Limits on expressions, far above what a selector needs. */
const LIMITS = { maxAstNodes: 10_000, maxDepth: 100 };

function readQuantity(text: string): CelQuantity {
  const quantity = parseQuantity(text);
  if (!quantity)
    throw new SelectorValueError(
      'SelectorValue',
      `Cannot read quantity "${text}": unknown form; write a number with a suffix`,
    );
  return new CelQuantity(quantity.nanos);
}

function readSemver(text: string): Semver {
  const version = Semver.parse(text);
  if (!version)
    throw new SelectorValueError(
      'SelectorValue',
      `Cannot read version "${text}": not a semantic version; write it as 1.2.3`,
    );
  return version;
}

function compare(a: bigint, b: bigint): bigint {
  return a < b ? -1n : a > b ? 1n : 0n;
}

/** Functions on quantities that Kubernetes adds to CEL (apiserver pkg/cel/library/quantity.go, 1.34). */
function addQuantities(environment: Environment): Environment {
  return environment
    .registerType('Quantity', { ctor: CelQuantity })
    .registerFunction('quantity(string): Quantity', readQuantity)
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== undefined)
    .registerFunction('Quantity.sign(): int', (q: CelQuantity) => compare(q.nanos, 0n))
    .registerFunction('Quantity.isInteger(): bool', (q: CelQuantity) => q.nanos % NANOS === 0n)
    .registerFunction('Quantity.asInteger(): int', (q: CelQuantity) => q.nanos / NANOS)
    .registerFunction('Quantity.asApproximateFloat(): double', (q: CelQuantity) => Number(q.nanos) / Number(NANOS))
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.nanos + b.nanos),
    )
    .registerFunction(
      'Quantity.add(int): Quantity',
      (a: CelQuantity, b: bigint) => new CelQuantity(a.nanos + b * NANOS),
    )
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.nanos - b.nanos),
    )
    .registerFunction(
      'Quantity.sub(int): Quantity',
      (a: CelQuantity, b: bigint) => new CelQuantity(a.nanos - b * NANOS),
    )
    .registerFunction('Quantity.compareTo(Quantity): int', (a: CelQuantity, b: CelQuantity) =>
      compare(a.nanos, b.nanos),
    )
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => a.nanos < b.nanos)
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => a.nanos > b.nanos)
    .registerOperator('Quantity == Quantity', (a: CelQuantity, b: CelQuantity) => a.nanos === b.nanos);
}

/** Functions on versions that Kubernetes adds to CEL (apiserver pkg/cel/library/semverlib.go, 1.34). */
function addVersions(environment: Environment): Environment {
  return environment
    .registerType('Semver', { ctor: Semver })
    .registerFunction('semver(string): Semver', readSemver)
    .registerFunction('isSemver(string): bool', (text: string) => Semver.parse(text) !== undefined)
    .registerFunction('Semver.major(): int', (version: Semver) => version.major)
    .registerFunction('Semver.minor(): int', (version: Semver) => version.minor)
    .registerFunction('Semver.patch(): int', (version: Semver) => version.patch)
    .registerFunction('Semver.compareTo(Semver): int', (a: Semver, b: Semver) => a.compareTo(b))
    .registerFunction('Semver.isLessThan(Semver): bool', (a: Semver, b: Semver) => a.compareTo(b) < 0n)
    .registerFunction('Semver.isGreaterThan(Semver): bool', (a: Semver, b: Semver) => a.compareTo(b) > 0n)
    .registerOperator('Semver == Semver', (a: Semver, b: Semver) => a.compareTo(b) === 0n);
}

/** `includes` asks a list and a single value alike (KEP-5491). */
function addIncludes(environment: Environment): Environment {
  return environment
    .registerFunction('list<string>.includes(string): bool', (list: string[], item: string) => list.includes(item))
    .registerFunction('list<int>.includes(int): bool', (list: bigint[], item: bigint) => list.includes(item))
    .registerFunction('list<bool>.includes(bool): bool', (list: boolean[], item: boolean) => list.includes(item))
    .registerFunction('string.includes(string): bool', (value: string, item: string) => value === item)
    .registerFunction('int.includes(int): bool', (value: bigint, item: bigint) => value === item)
    .registerFunction('bool.includes(bool): bool', (value: boolean, item: boolean) => value === item);
}

/**
 * What selector expressions can use: `device` (dynamic-resource-allocation cel/compile.go, 1.36) and the functions
 * Kubernetes adds. `attributeDomains` and `capacityDomains` are ours, see `rewriteSelector`.
 */
export function selectorEnvironment(): Environment {
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: LIMITS,
  });
  return addIncludes(addVersions(addQuantities(environment)))
    .registerType('Device', {
      fields: {
        driver: 'string',
        attributes: 'map<string, map<string, dyn>>',
        capacity: 'map<string, map<string, Quantity>>',
        allowMultipleAllocations: 'bool',
        attributeDomains: 'list<string>',
        capacityDomains: 'list<string>',
      },
    })
    .registerVariable('device', 'Device');
}
