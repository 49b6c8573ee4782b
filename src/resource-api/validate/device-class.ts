import type { KubeObject } from '../kube-object.ts';
import type { StatusCause } from './causes.ts';
import { invalidValue, required, tooLong, tooMany } from './causes.ts';
import { opaqueCauses } from './resource-names.ts';
import { selectorProblem } from '../cel/device-selector.ts';

/** Limits of resource.k8s.io/v1 (api types.go, 1.36). */
const SELECTORS_MAX = 32;
const CONFIGS_MAX = 32;
const EXPRESSION_LENGTH_MAX = 10 * 1024;

/** A selector of devices (resource.k8s.io/v1 DeviceSelector). */
interface Selector {
  cel?: { expression?: string };
}

/** What is wrong with a list of selectors; expressions must compile. */
export function selectorsCauses(field: string, selectors: readonly Selector[] = []): StatusCause[] {
  if (selectors.length > SELECTORS_MAX) return [tooMany(field, selectors.length, SELECTORS_MAX)];
  return selectors.flatMap((selector, index) => {
    const path = `${field}[${index}].cel`;
    const expression = selector.cel?.expression;
    if (!selector.cel) return [required(path)];
    if (expression === undefined) return [required(`${path}.expression`)];
    if (expression.length > EXPRESSION_LENGTH_MAX) return [tooLong(`${path}.expression`, EXPRESSION_LENGTH_MAX)];
    const problem = selectorProblem(expression);
    return problem === undefined ? [] : [invalidValue(`${path}.expression`, expression, problem)];
  });
}

/** What is wrong with a list of configurations. */
export function configsCauses(field: string, configs: readonly { opaque?: object }[] = []): StatusCause[] {
  if (configs.length > CONFIGS_MAX) return [tooMany(field, configs.length, CONFIGS_MAX)];
  return configs.flatMap((config, index) => opaqueCauses(`${field}[${index}]`, config.opaque));
}

/** What is wrong with a DeviceClass (pkg/apis/resource/validation, 1.37). */
export function validateDeviceClass(deviceClass: KubeObject): StatusCause[] {
  const spec = (deviceClass['spec'] ?? {}) as { selectors?: Selector[]; config?: { opaque?: object }[] };
  return [...selectorsCauses('spec.selectors', spec.selectors), ...configsCauses('spec.config', spec.config)];
}
