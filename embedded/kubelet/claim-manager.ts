import type { NodePrepareResourcesResponse } from '../../src/gen/kubelet/dra-v1.ts';
import { errorText } from '../../src/lib/log.ts';
import type { ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Container, Pod } from '../../src/resource-api/core-objects.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { claimNameOf, isReservedFor } from '../scheduler/pod-claims.ts';
import { KubeletFault } from './kubelet-fault.ts';
import type { RegisteredPlugin } from './registered-plugin.ts';

/** What is called of a driver. */
type ClaimPlugin = Pick<RegisteredPlugin, 'prepare' | 'unprepare'>;

type Device = NodePrepareResourcesResponse['claims'][string]['devices'][number];

/** A claim as the kubelet keeps it in its checkpoint. */
interface ClaimInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly drivers: readonly string[];
  /** Pods that use it here. */
  readonly podUids: Set<string>;
  /** What each driver answered. */
  readonly devices: Map<string, readonly Device[]>;
  /** Not part of the checkpoint: a kubelet that has just started believes that nothing is prepared. */
  isPrepared: boolean;
}

/** A device that a container was given, and under which claim of its pod. */
export interface ContainerDevice {
  /** "claim:NAME" or "claim:NAME/REQUEST". */
  readonly resource: string;
  readonly driver: string;
  readonly device: Device;
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** A gRPC error as Go prints one. */
function callText(error: unknown): string {
  const { code, details } = error as { code?: unknown; details?: unknown };
  return typeof details === 'string' ? `rpc error: code = ${String(code)} desc = ${details}` : errorText(error);
}

async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof KubeletFault) throw error;
    throw new KubeletFault('CallFailed', `${what}: ${callText(error)}`, { cause: error });
  }
}

/** Every claim that was asked for has exactly one entry, without an error, and nothing else has one. */
function checkAnswer(
  what: string,
  infos: readonly ClaimInfo[],
  entries: Readonly<Record<string, { error: string }>>,
): void {
  for (const { uid, namespace, name } of infos) {
    const entry = entries[uid];
    if (entry === undefined)
      throw new KubeletFault('WrongAnswer', `${what} skipped ResourceClaim ${namespace}/${name}`);
    if (entry.error === '') continue;
    throw new KubeletFault('CallFailed', `${what} failed for ResourceClaim ${name}: ${entry.error}`);
  }
  const unasked = Object.keys(entries).filter((uid) => !infos.some((info) => info.uid === uid));
  if (unasked.length === 0) return;
  throw new KubeletFault('WrongAnswer', `${what} returned result for unknown claim UIDs ${unasked.join(', ')}`);
}

/** Prepares and unprepares the claims of the node's pods, as the kubelet's DRA manager (1.37) does. */
export class ClaimManager {
  readonly #store: ObjectStore;
  readonly #findPlugin: (driverName: string) => ClaimPlugin;
  readonly #infos = new Map<string, ClaimInfo>();

  constructor(store: ObjectStore, findPlugin: (driverName: string) => ClaimPlugin) {
    this.#store = store;
    this.#findPlugin = findPlugin;
  }

  /** What a restart of the kubelet loses. */
  forgetPrepared(): void {
    for (const info of this.#infos.values()) info.isPrepared = false;
  }

  /**
   * Has a pod's claims prepared, those of one driver in one call.
   * @throws KubeletFault
   */
  async prepare(pod: Pod): Promise<void> {
    const infos = this.#claimsOf(pod).map((claim) => this.#infoOf(claim, pod));
    const open = infos.filter(({ isPrepared }) => !isPrepared);
    const what = 'NodePrepareResources';
    for (const driver of new Set(open.flatMap(({ drivers }) => drivers))) {
      const plugin = this.#findPlugin(driver);
      const mine = open.filter(({ drivers }) => drivers.includes(driver));
      const { claims } = await attempt(what, () => plugin.prepare(mine.map(toReference)));
      for (const { uid, devices } of mine) {
        const entry = claims[uid];
        if (entry?.error === '') devices.set(driver, entry.devices);
      }
      checkAnswer(what, mine, claims);
    }
    for (const info of open) info.isPrepared = true;
  }

  /**
   * Has the claims unprepared that no other pod of the node uses.
   * @throws KubeletFault; the claims stay noted.
   */
  async unprepare(podUid: string): Promise<void> {
    const mine = [...this.#infos.values()].filter(({ podUids }) => podUids.has(podUid));
    const last = mine.filter(({ podUids }) => podUids.size === 1);
    const what = 'NodeUnprepareResources';
    for (const driver of new Set(last.flatMap(({ drivers }) => drivers))) {
      const plugin = this.#findPlugin(driver);
      const ofDriver = last.filter(({ drivers }) => drivers.includes(driver));
      for (const info of ofDriver) info.isPrepared = false;
      const { claims } = await attempt(what, () => plugin.unprepare(ofDriver.map(toReference)));
      checkAnswer(what, ofDriver, claims);
    }
    for (const info of mine) info.podUids.delete(podUid);
    for (const { namespace, name } of last) this.#infos.delete(keyOf(namespace, name));
  }

  /**
   * The devices that a container's claims give it.
   * @throws KubeletFault `ClaimNotReady`
   */
  devicesOf(pod: Pod, container: Container): ContainerDevice[] {
    return (container.resources?.claims ?? []).flatMap(({ name, request }) => {
      const entry = pod.spec.resourceClaims?.find((each) => each.name === name);
      const claimName = entry && claimNameOf(pod, entry);
      const info = this.#infos.get(keyOf(pod.metadata.namespace ?? '', claimName ?? ''));
      if (!info) {
        const text = `unable to get resource for namespace: ${pod.metadata.namespace}, claim: ${claimName ?? name}`;
        throw new KubeletFault('ClaimNotReady', text);
      }
      const resource = request === undefined ? `claim:${name}` : `claim:${name}/${request}`;
      return [...info.devices].flatMap(([driver, devices]) =>
        devices
          .filter(({ requestNames }) => request === undefined || isFor(requestNames, request))
          .map((device) => ({ resource, driver, device })),
      );
    });
  }

  #claimsOf(pod: Pod): ResourceClaim[] {
    const { namespace = '', name: podName, uid } = pod.metadata;
    return (pod.spec.resourceClaims ?? []).map((entry) => {
      const name = claimNameOf(pod, entry);
      const claim = name === undefined ? undefined : this.#store.find('resourceclaims', name, { namespace });
      if (!claim) {
        const text = `failed to fetch ResourceClaim ${name} referenced by pod ${podName}: not found`;
        throw new KubeletFault('ClaimNotReady', text);
      }
      if (!isReservedFor(claim, pod)) {
        const text = `pod ${podName}(${uid}) is not allowed to use ResourceClaim ${name}(${claim.metadata.uid})`;
        throw new KubeletFault('ClaimNotReady', text);
      }
      return claim;
    });
  }

  /** The note on a claim, made where there is none, with the pod among its users. */
  #infoOf(claim: ResourceClaim, pod: Pod): ClaimInfo {
    const { namespace = '', name, uid } = claim.metadata;
    const known = this.#infos.get(keyOf(namespace, name));
    if (known && known.uid !== uid) {
      const text = `old ResourceClaim with same name ${name} and different UID ${known.uid} still exists`;
      throw new KubeletFault('ClaimNotReady', text);
    }
    const results = claim.status?.allocation?.devices.results ?? [];
    const drivers = [...new Set(results.map(({ driver }) => driver))];
    const fresh = { uid, namespace, name, drivers, podUids: new Set<string>(), devices: new Map(), isPrepared: false };
    const info = known ?? fresh;
    info.podUids.add(pod.metadata.uid);
    this.#infos.set(keyOf(namespace, name), info);
    return info;
  }
}

/** Whether a device belongs to a request, named "request" or, of an alternative, "request/alternative". */
function isFor(requestNames: readonly string[], request: string): boolean {
  return requestNames.length === 0 || requestNames.some((name) => name === request || name.startsWith(`${request}/`));
}

function toReference({ uid, namespace, name }: ClaimInfo): { uid: string; namespace: string; name: string } {
  return { uid, namespace, name };
}
