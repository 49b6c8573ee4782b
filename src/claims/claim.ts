import { ClaimError } from './claim-error.ts';
import { JsonReader } from '../lib/json-reader.ts';

/** What identifies a claim to the kubelet: the object's place and the incarnation of it. */
export interface ClaimReference {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** One of our devices that the scheduler allocated to a claim (resource.k8s.io/v1 DeviceRequestAllocationResult). */
export interface AllocatedDevice {
  /** Request name, or `request/subrequest` of a firstAvailable request. */
  readonly request: string;
  readonly pool: string;
  readonly device: string;
  /** Set where the device allows multiple allocations (KEP-5075). */
  readonly shareId: string | undefined;
  /** The quantity of `dra.cpu/cpu` as text; undefined where the result has none. */
  readonly consumedCpus: string | undefined;
  /** Administrative access takes no CPUs (KEP-5018). */
  readonly adminAccess: boolean;
}

/** An opaque configuration that the allocation carries for our driver. */
export interface OpaqueConfig {
  readonly source: 'FromClaim' | 'FromClass';
  /** Request names it applies to; empty means all. */
  readonly requests: readonly string[];
  readonly parameters: unknown;
}

/** An allocated ResourceClaim, reduced to what concerns this driver. */
export interface Claim extends ClaimReference {
  /** The claim's name in the pod's spec when it was made from a template. */
  readonly podClaimName: string | undefined;
  readonly devices: readonly AllocatedDevice[];
  readonly configs: readonly OpaqueConfig[];
}

/** Longest name of an object of Kubernetes (RFC 1123 subdomain). */
const NAME_LENGTH_MAX = 253;

/** "namespace/name", as messages name a claim; no more of a name than an object can have. */
export function describeClaim({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace.slice(0, NAME_LENGTH_MAX)}/${name.slice(0, NAME_LENGTH_MAX)}`;
}

/** An allocation has 32 results and at most 32 configurations per request and of the claim (resource.k8s.io/v1, types.go, 1.37). */
const LIST_LENGTH_MAX = 2_048;

/** A quantity: the API server writes strings, people also write numbers. */
function readQuantity(reader: JsonReader, key: string): string {
  const value = reader.raw(key);
  return typeof value === 'number' ? String(value) : reader.name(key);
}

function parseDevice(result: JsonReader): AllocatedDevice {
  const consumed = result.optionalObject('consumedCapacity');
  return {
    request: result.name('request'),
    pool: result.name('pool'),
    device: result.name('device'),
    shareId: result.optionalName('shareID'),
    consumedCpus: consumed?.has('dra.cpu/cpu') ? readQuantity(consumed, 'dra.cpu/cpu') : undefined,
    adminAccess: result.optionalFlag('adminAccess') ?? false,
  };
}

function parseConfigs(devices: JsonReader, driverName: string): OpaqueConfig[] {
  return devices
    .objects('config')
    .filter((config) => config.has('opaque') && config.object('opaque').name('driver') === driverName)
    .map((config) => ({
      source: config.optionalName('source') === 'FromClass' ? 'FromClass' : 'FromClaim',
      requests: config.texts('requests'),
      parameters: config.object('opaque').raw('parameters'),
    }));
}

/**
 * Reads a ResourceClaim (resource.k8s.io/v1) that the kubelet wants prepared. Results of other drivers are left out.
 * @throws ClaimError `ClaimReplaced` when the object has another UID than the kubelet asked for, `NotAllocated` when there is no
 *   allocation, `MalformedClaim` naming the field otherwise.
 */
export function parseClaim(json: unknown, reference: ClaimReference, driverName: string): Claim {
  const action = `Cannot prepare claim ${describeClaim(reference)}`;
  const claim = new JsonReader(json, {
    fail: ({ path, value, want }) => {
      throw new ClaimError(
        'MalformedClaim',
        `${action}: ${path || 'the object'} is ${value}; want ${want}. Delete the claim and create it again`,
      );
    },
    itemsMax: LIST_LENGTH_MAX,
  });
  const uid = claim.object('metadata').name('uid');
  if (uid !== reference.uid) {
    throw new ClaimError(
      'ClaimReplaced',
      `${action}: it was replaced, the API server has UID ${uid} and the kubelet asked for ${reference.uid}; the pod must be created again`,
    );
  }
  const allocation = claim.optionalObject('status')?.optionalObject('allocation');
  if (!allocation) {
    throw new ClaimError('NotAllocated', `${action}: it has no allocation; the scheduler must allocate it first`);
  }
  const annotations = claim.object('metadata').optionalObject('annotations');
  const devices = allocation.optionalObject('devices');
  return {
    ...reference,
    podClaimName: annotations?.optionalName('resource.kubernetes.io/pod-claim-name'),
    devices: (devices?.objects('results') ?? [])
      .filter((result) => result.name('driver') === driverName)
      .map((result) => parseDevice(result)),
    configs: devices ? parseConfigs(devices, driverName) : [],
  };
}
