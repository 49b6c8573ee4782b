import { ClaimError } from './claim-error.ts';
import { quote } from '../lib/quote.ts';

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

type Json = Record<string, unknown>;

/** Every name, UID and quantity of the API is shorter (253 characters, a subrequest 2 x 63). */
const STRING_LENGTH_MAX = 512;
/** An allocation has 32 results and at most 32 configurations per request and of the claim (resource.k8s.io/v1, types.go, 1.37). */
const LIST_LENGTH_MAX = 2_048;

/** Reads fields of a JSON object and says which one is wrong. */
class FieldReader {
  readonly #json: Json;
  readonly #path: string;
  readonly #fail: (path: string, want: string, value: unknown) => never;

  constructor(json: unknown, path: string, fail: (path: string, want: string, value: unknown) => never) {
    this.#path = path;
    this.#fail = fail;
    this.#json =
      typeof json === 'object' && json !== null && !Array.isArray(json)
        ? (json as Json)
        : fail(path, 'an object', json);
  }

  #at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  has(key: string): boolean {
    return this.#json[key] !== undefined && this.#json[key] !== null;
  }

  object(key: string): FieldReader {
    return new FieldReader(this.#json[key], this.#at(key), this.#fail);
  }

  string(key: string): string {
    const value = this.#json[key];
    const isName = typeof value === 'string' && value !== '' && value.length <= STRING_LENGTH_MAX;
    return isName ? value : this.#fail(this.#at(key), `a string of 1 to ${STRING_LENGTH_MAX} characters`, value);
  }

  optionalString(key: string): string | undefined {
    return this.has(key) ? this.string(key) : undefined;
  }

  flag(key: string): boolean {
    const value = this.#json[key] ?? false;
    return typeof value === 'boolean' ? value : this.#fail(this.#at(key), 'true or false', value);
  }

  /** A quantity: the API server writes strings, people also write numbers. */
  quantity(key: string): string {
    const value = this.#json[key];
    return typeof value === 'number' ? String(value) : this.string(key);
  }

  list(key: string): FieldReader[] {
    const value = this.#json[key] ?? [];
    if (!Array.isArray(value) || value.length > LIST_LENGTH_MAX) {
      return this.#fail(this.#at(key), `a list of at most ${LIST_LENGTH_MAX} items`, value);
    }
    return value.map((item, index) => new FieldReader(item, `${this.#at(key)}[${index}]`, this.#fail));
  }

  strings(key: string): string[] {
    const value = this.#json[key] ?? [];
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
      return this.#fail(this.#at(key), 'a list of strings', value);
    }
    return value as string[];
  }

  raw(key: string): unknown {
    return this.#json[key];
  }
}

function parseDevice(result: FieldReader): AllocatedDevice {
  const consumed = result.has('consumedCapacity') ? result.object('consumedCapacity') : undefined;
  return {
    request: result.string('request'),
    pool: result.string('pool'),
    device: result.string('device'),
    shareId: result.optionalString('shareID'),
    consumedCpus: consumed?.has('dra.cpu/cpu') ? consumed.quantity('dra.cpu/cpu') : undefined,
    adminAccess: result.flag('adminAccess'),
  };
}

function parseConfigs(devices: FieldReader, driverName: string): OpaqueConfig[] {
  return devices
    .list('config')
    .filter((config) => config.has('opaque') && config.object('opaque').string('driver') === driverName)
    .map((config) => ({
      source: config.optionalString('source') === 'FromClass' ? 'FromClass' : 'FromClaim',
      requests: config.strings('requests'),
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
  const claim = new FieldReader(json, '', (path, want, value) => {
    throw new ClaimError(
      'MalformedClaim',
      `${action}: ${path || 'the object'} is ${quote(value)}; want ${want}. Delete the claim and create it again`,
    );
  });
  const uid = claim.object('metadata').string('uid');
  if (uid !== reference.uid) {
    throw new ClaimError(
      'ClaimReplaced',
      `${action}: it was replaced, the API server has UID ${uid} and the kubelet asked for ${reference.uid}; the pod must be created again`,
    );
  }
  if (!claim.has('status') || !claim.object('status').has('allocation')) {
    throw new ClaimError('NotAllocated', `${action}: it has no allocation; the scheduler must allocate it first`);
  }
  const allocation = claim.object('status').object('allocation');
  const metadata = claim.object('metadata');
  const annotations = metadata.has('annotations') ? metadata.object('annotations') : undefined;
  const devices = allocation.has('devices') ? allocation.object('devices') : undefined;
  return {
    ...reference,
    podClaimName: annotations?.optionalString('resource.kubernetes.io/pod-claim-name'),
    devices: (devices?.list('results') ?? [])
      .filter((result) => result.string('driver') === driverName)
      .map((result) => parseDevice(result)),
    configs: devices ? parseConfigs(devices, driverName) : [],
  };
}
