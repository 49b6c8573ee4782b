import { CodedError } from '../../lib/coded-error.ts';
import { errorText } from '../../lib/log.ts';
import { quote } from '../../lib/quote.ts';
import { parseQuantity } from '../quantity.ts';
import { CelQuantity, selectorEnvironment } from './environment.ts';
import { rewriteSelector } from './rewrite-selector.ts';
import { Semver } from './semver.ts';

/** An attribute of a device (resource.k8s.io/v1 DeviceAttribute): one of the fields is set. */
export interface DeviceAttribute {
  readonly int?: number;
  readonly bool?: boolean;
  readonly string?: string;
  readonly version?: string;
  readonly ints?: readonly number[];
  readonly bools?: readonly boolean[];
  readonly strings?: readonly string[];
  readonly versions?: readonly string[];
}

/** What a selector looks at. */
export interface SelectableDevice {
  readonly driver: string;
  readonly attributes: Readonly<Record<string, DeviceAttribute>>;
  readonly capacity: Readonly<Record<string, { readonly value: string }>>;
  readonly allowMultipleAllocations: boolean;
}

/** A device in the form that expressions work on, made once per device. */
export type CelDevice = Readonly<Record<string, unknown>>;

/** Decides whether a device is meant; throws when the expression fails on it. */
export type DeviceSelector = (device: CelDevice) => boolean;

/** Thrown for an expression that cannot be compiled or fails on a device. */
export class SelectorError extends CodedError<'Selector'> {
  override readonly name = 'SelectorError';

  constructor(message: string, options?: ErrorOptions) {
    super('Selector', message, options);
  }
}

const ENVIRONMENT = selectorEnvironment();
/** Compiled expressions are kept: a cluster has few different ones. */
const COMPILED_MAX = 1000;
const compiled = new Map<string, DeviceSelector>();

function firstLine(error: unknown): string {
  return errorText(error).split('\n', 1)[0] ?? '';
}

function attributeValue(attribute: DeviceAttribute): unknown {
  const { int, bool, string, version, ints, bools, strings, versions } = attribute;
  if (int !== undefined) return BigInt(int);
  if (version !== undefined) return Semver.parse(version);
  if (versions) return versions.map((text) => Semver.parse(text));
  return bool ?? string ?? ints?.map(BigInt) ?? bools ?? strings;
}

/** Values by domain and name; a domain that is not there reads as empty, a name without domain is the driver's. */
function byDomain(values: Iterable<readonly [string, unknown]>, driver: string): Map<string, Map<string, unknown>> {
  const domains = new Map<string, Map<string, unknown>>();
  for (const [qualified, value] of values) {
    const slash = qualified.indexOf('/');
    const domain = slash < 0 ? driver : qualified.slice(0, slash);
    const names = domains.get(domain) ?? new Map<string, unknown>();
    domains.set(domain, names.set(qualified.slice(slash + 1), value));
  }
  const empty = new Map<string, unknown>();
  domains.get = (domain) => Map.prototype.get.call(domains, domain) ?? empty;
  return domains;
}

/** Brings a device into the form that selectors take. */
export function toCelDevice(device: SelectableDevice): CelDevice {
  const { driver } = device;
  const attributes = Object.entries(device.attributes).map(([name, value]) => [name, attributeValue(value)] as const);
  const capacity = Object.entries(device.capacity).map(
    ([name, { value }]) => [name, new CelQuantity(parseQuantity(value)?.nanos ?? 0n)] as const,
  );
  const attributeDomains = byDomain(attributes, driver);
  const capacityDomains = byDomain(capacity, driver);
  return {
    driver,
    attributes: attributeDomains,
    capacity: capacityDomains,
    allowMultipleAllocations: device.allowMultipleAllocations,
    attributeDomains: [...attributeDomains.keys()],
    capacityDomains: [...capacityDomains.keys()],
  };
}

function compile(expression: string): DeviceSelector {
  try {
    const source = rewriteSelector(ENVIRONMENT.parse(expression).ast, expression);
    const check = ENVIRONMENT.check(source);
    if (check.error) throw check.error;
    if (check.type !== 'bool' && check.type !== 'dyn')
      throw new SelectorError(`must evaluate to bool, not ${check.type}`);
    const evaluate = ENVIRONMENT.parse(source);
    return (device) => {
      const result: unknown = evaluate({ device });
      if (typeof result === 'boolean') return result;
      throw new SelectorError(`Cannot select with ${quote(expression)}: the result is not a bool; compare it`);
    };
  } catch (error) {
    throw new SelectorError(`compilation failed: ${firstLine(error)}`, { cause: error });
  }
}

/**
 * Compiles a CEL expression over `device`.
 * @throws SelectorError when it cannot be compiled.
 * @example compileSelector('device.driver == "dra.cpu"')(toCelDevice(device))
 */
export function compileSelector(expression: string): DeviceSelector {
  const known = compiled.get(expression);
  if (known) return known;
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  const selector = compile(expression);
  compiled.set(expression, selector);
  return selector;
}

/** What is wrong with an expression, undefined when it compiles. */
export function selectorProblem(expression: string): string | undefined {
  try {
    compileSelector(expression);
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}
