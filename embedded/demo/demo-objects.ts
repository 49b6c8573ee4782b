const CLASS = 'dra.cpu';

function claimSpec(cpus: number): object {
  const exactly = { deviceClassName: CLASS, capacity: { requests: { 'dra.cpu/cpu': `${cpus}` } } };
  return { devices: { requests: [{ name: 'cpus', exactly }] } };
}

/** The class that claims name (resource.k8s.io/v1). */
export function deviceClass(): object {
  const selectors = [{ cel: { expression: `device.driver == "${CLASS}"` } }];
  return { apiVersion: 'resource.k8s.io/v1', kind: 'DeviceClass', metadata: { name: CLASS }, spec: { selectors } };
}

/** A claim for a number of CPUs. */
export function resourceClaim(name: string, cpus: number): object {
  return { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata: { name }, spec: claimSpec(cpus) };
}

/** A template of such a claim. */
export function resourceClaimTemplate(name: string, cpus: number): object {
  const spec = { spec: claimSpec(cpus) };
  return { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaimTemplate', metadata: { name }, spec };
}

/** Where a pod's CPUs come from; neither: the pool that claims leave. */
export interface PodClaimSource {
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

/** A pod of one container that waits to be ended; `more` is merged into its spec. */
export function pod(name: string, source: PodClaimSource = {}, more: object = {}): object {
  const isClaiming = Object.keys(source).length > 0;
  const resources = isClaiming ? { resources: { claims: [{ name: 'cpus' }] } } : {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...(isClaiming ? { resourceClaims: [{ name: 'cpus', ...source }] } : {}),
      containers: [{ name: 'main', image: 'busybox', ...resources }],
      ...more,
    },
  };
}
