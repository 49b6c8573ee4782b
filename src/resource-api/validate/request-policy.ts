import { parseQuantity } from '../quantity.ts';
import type { StatusCause } from './causes.ts';
import { forbidden, invalidValue, required, tooMany } from './causes.ts';

/** One capacity of a device (resource.k8s.io/v1 DeviceCapacity). */
export interface DeviceCapacity {
  value?: string;
  requestPolicy?: RequestPolicy;
}

/** Which amounts of a capacity can be consumed (resource.k8s.io/v1 CapacityRequestPolicy). */
interface RequestPolicy {
  default?: string;
  validValues?: string[];
  validRange?: { min?: string; max?: string; step?: string };
}

/** Most values of a policy (CapacityRequestPolicyDiscreteMaxOptions). */
const VALID_VALUES_MAX = 10;

function nanos(text: string | undefined): bigint | undefined {
  return text === undefined ? undefined : parseQuantity(text)?.nanos;
}

function validValuesCauses(field: string, policy: RequestPolicy, capacity: bigint): StatusCause[] {
  const values = policy.validValues ?? [];
  if (values.length > VALID_VALUES_MAX) return [tooMany(field, values.length, VALID_VALUES_MAX)];
  const causes = [];
  for (const [index, value] of values.entries()) {
    const amount = nanos(value) ?? 0n;
    const path = `${field}[${index}]`;
    if (amount > capacity) causes.push(invalidValue(path, value, 'option is larger than the capacity value'));
    if (index > 0 && amount < (nanos(values[index - 1]) ?? 0n)) {
      causes.push(invalidValue(path, value, 'values must be sorted in ascending order'));
    }
  }
  const isListed = values.some((value) => nanos(value) === nanos(policy.default));
  if (!isListed)
    causes.push(invalidValue(field, policy.default, 'default value is not valid according to the requestPolicy'));
  return causes;
}

function stepCauses(
  field: string,
  amounts: { min: bigint; step: bigint; values: bigint[]; capacity: bigint },
): StatusCause[] {
  const { min, step, values, capacity } = amounts;
  if (step <= 0n) return [invalidValue(field, String(step), 'must be greater than zero')];
  const causes = min + step > capacity ? [invalidValue(field, '', 'one step is larger than the capacity value')] : [];
  const isOff = values.some((value) => (value - min) % step !== 0n);
  return isOff ? [...causes, invalidValue(field, '', 'value is not a multiple of the given step from min')] : causes;
}

function rangeCauses(field: string, policy: RequestPolicy, capacity: bigint): StatusCause[] {
  const range = policy.validRange ?? {};
  const min = nanos(range.min);
  const max = nanos(range.max);
  const standard = nanos(policy.default) ?? 0n;
  if (min === undefined) return [required(`${field}.min`, 'required when validRange is defined')];
  const causes = [];
  if (min > capacity) causes.push(invalidValue(`${field}.min`, range.min, 'min is larger than the capacity value'));
  if (standard < min) causes.push(invalidValue(`${field}.default`, policy.default, 'default is less than min'));
  if (max !== undefined) {
    if (min > max) causes.push(invalidValue(`${field}.max`, range.min, 'min is larger than max'));
    if (max > capacity) causes.push(invalidValue(`${field}.max`, range.max, 'max is larger than the capacity value'));
    if (standard > max) causes.push(invalidValue(`${field}.default`, policy.default, 'default is more than max'));
  }
  const step = nanos(range.step);
  if (step === undefined) return causes;
  const values = max === undefined ? [standard] : [standard, max];
  return [...causes, ...stepCauses(`${field}.step`, { min, step, values, capacity })];
}

/** What is wrong with the request policy of a capacity (validation.go validateRequestPolicy, 1.37). */
export function requestPolicyCauses(field: string, capacity: DeviceCapacity): StatusCause[] {
  const policy = capacity.requestPolicy ?? {};
  const amount = nanos(capacity.value) ?? 0n;
  const hasValues = (policy.validValues ?? []).length > 0;
  if (hasValues && policy.validRange) {
    return [
      forbidden(
        field,
        'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
      ),
    ];
  }
  if (!hasValues && !policy.validRange) return [];
  const name = hasValues ? 'validValues' : 'validRange';
  if (policy.default === undefined) return [required(`${field}.default`, `required when ${name} is defined`)];
  return hasValues
    ? validValuesCauses(`${field}.validValues`, policy, amount)
    : rangeCauses(`${field}.validRange`, policy, amount);
}
