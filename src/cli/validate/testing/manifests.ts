/** A claim with one request of CPUs. */
export const claim = (name: string, cpus: number | string) => `
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: ${name}}
spec:
  devices:
    requests:
    - name: cpus
      exactly:
        deviceClassName: dra.cpu
        capacity: {requests: {dra.cpu/cpu: "${cpus}"}}
`;

/** A claim whose devices are given in full. */
export const claimOf = (devices: object) =>
  JSON.stringify({
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name: 'c' },
    spec: { devices },
  });

export const exactly = (fields: object, name = 'cpus') => ({
  name,
  exactly: { deviceClassName: 'dra.cpu', ...fields },
});
export const opaque = (parameters: object, requests: string[] = ['cpus']) => ({
  requests,
  opaque: { driver: 'dra.cpu', parameters },
});
export const four = exactly({ capacity: { requests: { 'dra.cpu/cpu': '4' } } });
export const v1alpha1 = (cpuConfig: object) => ({ apiVersion: 'v1alpha1', cpuConfig });

/** A pod with containers of which some use claims. */
export const pod = (spec: object, { kind = 'Pod', name = 'p', extra = {} } = {}) =>
  JSON.stringify(
    kind === 'Pod'
      ? { apiVersion: 'v1', kind, metadata: { name }, spec }
      : { apiVersion: 'apps/v1', kind, metadata: { name }, spec: { ...extra, template: { spec } } },
  );

export const container = (name: string, { cpu, limit = cpu, claims = [] as string[], ...rest }: Container = {}) => ({
  name,
  ...rest,
  resources: {
    ...(cpu !== undefined && { requests: { cpu } }),
    ...(limit !== undefined && { limits: { cpu: limit } }),
    claims: claims.map((each) => ({ name: each })),
  },
});
interface Container {
  readonly cpu?: string;
  readonly limit?: string;
  readonly claims?: string[];
  readonly [field: string]: unknown;
}
export const resourceClaims = (...names: string[]) => names.map((name) => ({ name, resourceClaimName: name }));
export const podLevel = (requests: string, limits = requests) => ({
  resources: { requests: { cpu: requests }, limits: { cpu: limits } },
});
