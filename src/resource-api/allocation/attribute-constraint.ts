import type { DeviceAttribute } from '../cel/device-selector.ts';
import type { DeviceConstraint } from '../objects.ts';
import type { PoolDevice } from './device-pool.ts';

/** The values of an attribute as comparable texts; a single value counts as a list of one. */
function valuesOf(attribute: DeviceAttribute): string[] {
  const { int, bool, string, version, ints, bools, strings, versions } = attribute;
  if (int !== undefined || ints) return (ints ?? [int]).map((value) => `int ${value}`);
  if (bool !== undefined || bools) return (bools ?? [bool]).map((value) => `bool ${value}`);
  if (version !== undefined || versions) return (versions ?? [version]).map((value) => `version ${value}`);
  return (strings ?? (string === undefined ? [] : [string])).map((value) => `string ${value}`);
}

/** The attribute of a device by its full name; a name without domain is in the driver's. */
function attributeOf(pooled: PoolDevice, name: string): DeviceAttribute | undefined {
  const { attributes = {} } = pooled.device;
  const prefix = `${pooled.driver}/`;
  return attributes[name] ?? (name.startsWith(prefix) ? attributes[name.slice(prefix.length)] : undefined);
}

/**
 * One constraint of a claim while its devices are being chosen: `matchAttribute` wants a value that all have,
 * `distinctAttribute` wants no value twice (for lists: KEP-5491). Devices are taken back in reverse order.
 */
export class AttributeConstraint {
  readonly #constraint: DeviceConstraint;
  /** After each accepted device: the values all share, or those seen. */
  readonly #states: ReadonlySet<string>[] = [];

  constructor(constraint: DeviceConstraint) {
    this.#constraint = constraint;
  }

  /** Whether the constraint speaks of a request, named "request" or "request/alternative". */
  concerns(request: string): boolean {
    const { requests = [] } = this.#constraint;
    return requests.length === 0 || requests.includes(request) || requests.includes(request.split('/', 1)[0] ?? '');
  }

  /** The state with a device added, undefined when the device does not fit. */
  #with(pooled: PoolDevice): ReadonlySet<string> | undefined {
    const { matchAttribute, distinctAttribute } = this.#constraint;
    const attribute = attributeOf(pooled, matchAttribute ?? distinctAttribute ?? '');
    const values = attribute ? valuesOf(attribute) : [];
    if (values.length === 0) return undefined;
    const state = this.#states.at(-1);
    if (distinctAttribute !== undefined) {
      return values.some((value) => state?.has(value)) ? undefined : new Set([...(state ?? []), ...values]);
    }
    const shared = state ? values.filter((value) => state.has(value)) : values;
    return shared.length === 0 ? undefined : new Set(shared);
  }

  /** Whether a device would fit beside those added so far. */
  admits(pooled: PoolDevice): boolean {
    return this.#with(pooled) !== undefined;
  }

  /** Adds a device that `admits` accepted. */
  add(pooled: PoolDevice): void {
    this.#states.push(this.#with(pooled) ?? new Set());
  }

  /** Takes the last device back. */
  removeLast(): void {
    this.#states.pop();
  }

  /** The constraint as a message names it. */
  get text(): string {
    const { matchAttribute, distinctAttribute } = this.#constraint;
    return matchAttribute === undefined ? `distinctAttribute ${distinctAttribute}` : `matchAttribute ${matchAttribute}`;
  }
}
