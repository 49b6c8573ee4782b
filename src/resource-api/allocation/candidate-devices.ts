import { CodedError } from '../../lib/coded-error.ts';
import { compileSelector, SelectorError } from '../cel/device-selector.ts';
import { errorText } from '../../lib/log.ts';
import type { DeviceClass, DeviceRequestDetails, DeviceTaint, DeviceToleration } from '../objects.ts';
import { celDeviceOf, type PoolDevice } from './device-pool.ts';

/** Why a claim cannot be allocated, in words for the pod's condition and event. */
export class AllocationRefusal extends CodedError<'CannotAllocate'> {
  override readonly name = 'AllocationRefusal';

  constructor(message: string, options?: ErrorOptions) {
    super('CannotAllocate', message, options);
  }
}

function tolerates(toleration: DeviceToleration, taint: DeviceTaint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== '' && toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

function isTainted(pooled: PoolDevice, tolerations: readonly DeviceToleration[] = []): boolean {
  return (pooled.device.taints ?? []).some(
    (taint) => taint.effect !== 'None' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

function isSelected(pooled: PoolDevice, expressions: readonly string[]): boolean {
  try {
    return expressions.every((expression) => compileSelector(expression)(celDeviceOf(pooled)));
  } catch (error) {
    // The real scheduler does not skip the device either: a selector that fails is the user's to correct.
    const problem =
      error instanceof SelectorError ? error.message : `CEL runtime error: ${errorText(error).split('\n', 1)[0]}`;
    throw new AllocationRefusal(`selector fails on device ${pooled.id}: ${problem}`, { cause: error });
  }
}

/**
 * The devices that class and request select, whether or not they are in use.
 * @throws AllocationRefusal when the class is missing or a selector fails.
 */
export function candidateDevices(
  request: DeviceRequestDetails,
  devices: readonly PoolDevice[],
  classes: ReadonlyMap<string, DeviceClass>,
): PoolDevice[] {
  const deviceClass = classes.get(request.deviceClassName);
  if (!deviceClass) throw new AllocationRefusal(`device class ${request.deviceClassName} does not exist`);
  const expressions = [...(deviceClass.spec.selectors ?? []), ...(request.selectors ?? [])]
    .map((selector) => selector.cel?.expression)
    .filter((expression) => expression !== undefined);
  return devices.filter((pooled) => isSelected(pooled, expressions) && !isTainted(pooled, request.tolerations));
}
