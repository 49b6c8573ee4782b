import type { CapacityRequestPolicy, Device } from '../objects.ts';
import { formatQuantity, parseQuantity, type Quantity } from '../quantity.ts';

/** What one allocation takes of a device, by capacity name. */
export type Consumption = ReadonlyMap<string, Quantity>;

function amountOf(text: string | undefined): Quantity | undefined {
  return text === undefined ? undefined : parseQuantity(text);
}

function roundToRange(wanted: bigint, range: NonNullable<CapacityRequestPolicy['validRange']>): bigint | undefined {
  const min = amountOf(range.min)?.nanos ?? 0n;
  const max = amountOf(range.max)?.nanos;
  const step = amountOf(range.step)?.nanos;
  let rounded = wanted < min ? min : wanted;
  if (step !== undefined && step > 0n) rounded = min + ((rounded - min + step - 1n) / step) * step;
  return max !== undefined && rounded > max ? undefined : rounded;
}

/** The smallest amount that a policy allows for a request, undefined when it allows none that is enough. */
function roundByPolicy(wanted: bigint, policy: CapacityRequestPolicy | undefined): bigint | undefined {
  if (policy?.validRange) return roundToRange(wanted, policy.validRange);
  if (!policy?.validValues || policy.validValues.length === 0) return wanted;
  const values = policy.validValues.map((value) => amountOf(value)?.nanos ?? 0n);
  return values.filter((value) => value >= wanted).reduce<bigint | undefined>(smaller, undefined);
}

function smaller(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b < a ? b : a;
}

/**
 * What an allocation of a device with `allowMultipleAllocations` takes (KEP-5075): the requested amount rounded by
 * the capacity's policy; where nothing is requested the policy's default, else all of it. Undefined when the device
 * does not have what is requested.
 */
export function consumptionOf(device: Device, requests: Readonly<Record<string, string>>): Consumption | undefined {
  const capacity = device.capacity ?? {};
  if (Object.keys(requests).some((name) => capacity[name] === undefined)) return undefined;
  const consumption = new Map<string, Quantity>();
  for (const [name, { value, requestPolicy }] of Object.entries(capacity)) {
    const wanted = amountOf(requests[name]);
    const amount = wanted ?? amountOf(requestPolicy?.default) ?? amountOf(value);
    const nanos = amount && (wanted ? roundByPolicy(wanted.nanos, requestPolicy) : amount.nanos);
    if (amount === undefined || nanos === undefined) return undefined;
    consumption.set(name, { nanos, format: amount.format });
  }
  return consumption;
}

/** Whether a device as a whole has at least the requested capacities. */
export function hasCapacity(device: Device, requests: Readonly<Record<string, string>>): boolean {
  return Object.entries(requests).every(([name, text]) => {
    const available = amountOf(device.capacity?.[name]?.value);
    const wanted = amountOf(text);
    return available !== undefined && wanted !== undefined && available.nanos >= wanted.nanos;
  });
}

/** Consumption as it stands in an allocation result. */
export function consumptionText(consumption: Consumption): Record<string, string> {
  return Object.fromEntries([...consumption].map(([name, amount]) => [name, formatQuantity(amount)]));
}
