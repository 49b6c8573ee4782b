import { isDeepStrictEqual } from 'node:util';
import type { BackoffOptions } from '../../lib/backoff.ts';
import { errorText, type Log } from '../../lib/log.ts';
import { shortenToBytes } from '../../lib/shorten.ts';
import { ApiError, hasReason } from '../api-error.ts';
import { type ApiObject, apiVersionOf, RESOURCE_CLAIMS } from '../api-object.ts';
import { BackgroundLane } from '../background-lane.ts';
import type { ApiClient } from '../client.ts';

/** A claim, and which of those that had its name. */
export interface ClaimIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One thing that is true or not of a device (metav1 Condition, without its time). */
export interface DeviceCondition {
  /** CamelCase: "Ready". */
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, not empty. */
  readonly reason: string;
  readonly message: string;
}

/** What is to be shown of an allocated device (resource.k8s.io/v1 AllocatedDeviceStatus, KEP-4817). */
export interface ClaimDeviceStatus {
  readonly pool: string;
  readonly device: string;
  readonly shareId?: string;
  /** Any JSON, 10 KiB at most. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Eight at most. */
  readonly conditions: readonly DeviceCondition[];
}

/** What the writer needs. */
export interface ClaimStatusWriterOptions {
  readonly client: ApiClient;
  readonly driverName: string;
  readonly log: Log;
  readonly now?: () => Date;
  readonly retry?: BackoffOptions;
}

type StoredCondition = DeviceCondition & { readonly lastTransitionTime: string };

interface StoredDevice {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string;
  readonly data?: unknown;
  readonly conditions?: readonly StoredCondition[];
}

type StoredClaim = ApiObject & { readonly status?: { readonly devices?: readonly StoredDevice[] } };

/** A claim, what is to be shown of it, and what the API server shows as far as is known. */
interface Entry {
  readonly claim: ClaimIdentity;
  wanted: readonly ClaimDeviceStatus[];
  stored: readonly StoredDevice[] | undefined;
}

/** The API takes eight times as much (metav1 Condition), which no reader of `kubectl describe` does. */
const MESSAGE_BYTES_MAX = 4_096;

/** No node runs so many pods (the kubelet's default is 110). */
const CLAIMS_MAX = 2_000;

function isSameDevice(stored: StoredDevice, { pool, device, shareId }: ClaimDeviceStatus): boolean {
  return stored.pool === pool && stored.device === device && stored.shareID === shareId;
}

/** A condition keeps the time of its last change while its status is the same. */
function withTime(condition: DeviceCondition, before: StoredDevice | undefined, now: Date): StoredCondition {
  const old = before?.conditions?.find(({ type }) => type === condition.type);
  const time = old?.status === condition.status ? old.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
  const { type, status, reason } = condition;
  const message = shortenToBytes(condition.message, MESSAGE_BYTES_MAX);
  return { type, status, reason, message, lastTransitionTime: time };
}

/** Whether the server refused for want of a permission: RBAC (403), or from 1.36 on validation (422, KEP-4817). */
function isNotPermitted(error: unknown): error is ApiError {
  if (hasReason(error, 'Forbidden')) return true;
  return hasReason(error, 'Invalid') && /requires resource="resourceclaims\//.test(error.message);
}

/**
 * Shows in the status of claims what the driver gave them, in the background. Server-side apply touches the driver's own
 * entries only. A claim that is gone needs nothing; without the permission, or on a cluster that does not keep the field,
 * nothing is shown and that is said once.
 */
export class ClaimStatusWriter {
  readonly #options: ClaimStatusWriterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #lane: BackgroundLane;
  #hasComplained = false;

  constructor(options: ClaimStatusWriterOptions) {
    this.#options = options;
    this.#lane = new BackgroundLane({
      work: async (uid, signal) => this.#write(uid, signal),
      onRefused: (uid, error) => this.#refused(uid, error),
      keysMax: CLAIMS_MAX,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
    });
  }

  /** Shows these devices, and no other of the driver's, in the claim's status; may be called as often as anything changes. */
  set(claim: ClaimIdentity, devices: readonly ClaimDeviceStatus[]): void {
    const entry = this.#entries.get(claim.uid);
    if (entry) entry.wanted = devices;
    else this.#entries.set(claim.uid, { claim, wanted: devices, stored: undefined });
    if (!this.#lane.add(claim.uid)) this.#entries.delete(claim.uid);
  }

  /** Takes the driver's devices out of the claim's status. */
  remove(claim: ClaimIdentity): void {
    this.set(claim, []);
  }

  /** Resolves when everything that was asked for is written or given up. */
  async idle(): Promise<void> {
    await this.#lane.idle();
  }

  /** Ends writing; what is not written yet is dropped. May be called twice. */
  async stop(): Promise<void> {
    await this.#lane.stop();
  }

  async #write(uid: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    let wanted: readonly ClaimDeviceStatus[];
    try {
      entry.stored ??= await this.#read(entry.claim, signal);
      wanted = entry.wanted;
      const devices = this.#desired(wanted, entry.stored);
      if (!isDeepStrictEqual(devices, entry.stored)) await this.#apply(entry, devices, signal);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      this.#entries.delete(uid);
      return;
    }
    if (wanted.length === 0 && entry.wanted.length === 0) this.#entries.delete(uid);
  }

  /** The driver's devices in the claim's status now. */
  async #read({ namespace, name, uid }: ClaimIdentity, signal: AbortSignal): Promise<readonly StoredDevice[]> {
    const address = { resource: RESOURCE_CLAIMS, namespace, name };
    const claim = await this.#options.client.get<StoredClaim>(address, { signal });
    if (claim.metadata.uid === uid) return this.#ours(claim);
    throw new ApiError('NotFound', `Cannot show the devices of claim "${namespace}/${name}": it was replaced`);
  }

  #ours(claim: StoredClaim): readonly StoredDevice[] {
    return (claim.status?.devices ?? []).filter(({ driver }) => driver === this.#options.driverName);
  }

  #desired(wanted: readonly ClaimDeviceStatus[], stored: readonly StoredDevice[]): StoredDevice[] {
    const { driverName, now = () => new Date() } = this.#options;
    return wanted.map((status) => {
      const { pool, device, shareId, data, conditions } = status;
      const before = stored.find((candidate) => isSameDevice(candidate, status));
      return {
        driver: driverName,
        pool,
        device,
        ...(shareId === undefined ? {} : { shareID: shareId }),
        data,
        ...(conditions.length === 0 ? {} : { conditions: conditions.map((one) => withTime(one, before, now())) }),
      };
    });
  }

  async #apply(entry: Entry, devices: readonly StoredDevice[], signal: AbortSignal): Promise<void> {
    const { client, driverName } = this.#options;
    const { namespace, name, uid } = entry.claim;
    const address = { resource: RESOURCE_CLAIMS, namespace, name, subresource: 'status' };
    const body = {
      apiVersion: apiVersionOf(RESOURCE_CLAIMS),
      kind: RESOURCE_CLAIMS.kind,
      metadata: { name, namespace, uid },
      status: { devices },
    };
    const patch = { type: 'apply', body, force: true } as const;
    const answer = await client.patch<StoredClaim>(address, patch, { fieldManager: driverName, signal });
    entry.stored = this.#ours(answer);
    if (devices.length > 0 && entry.stored.length === 0) {
      this.#complain(
        'the cluster does not keep status.devices: switch on the feature gate DRAResourceClaimDeviceStatus',
      );
    } else this.#hasComplained = false;
  }

  #refused(uid: string, error: unknown): void {
    const entry = this.#entries.get(uid);
    // What was asked for is not known to be there; the next change begins by looking.
    if (entry) entry.stored = undefined;
    if (entry?.wanted.length === 0) this.#entries.delete(uid);
    if (isNotPermitted(error)) {
      this.#complain(
        `${errorText(error)}; grant patch of resourceclaims/status and associated-node:patch of resourceclaims/driver`,
      );
      return;
    }
    const claim = entry === undefined ? undefined : `${entry.claim.namespace}/${entry.claim.name}`;
    this.#options.log.debug('claim status not written', { claim, uid, reason: errorText(error) });
  }

  #complain(reason: string): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#options.log.warn('devices are not shown in the status of claims', { reason });
  }
}
