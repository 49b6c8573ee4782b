import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Container, Pod, ResourceStatus } from '../../src/resource-api/core-objects.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ClaimManager } from './claim-manager.ts';
import { KubeletFault } from './kubelet-fault.ts';
import { describeNode } from './node-object.ts';
import { PluginRegistry } from './plugin-registry.ts';
import { PodWorker, type PodWorkerOptions } from './pod-worker.ts';
import { type KubeletTiming, REAL_TIMING } from './timing.ts';

/** What a kubelet is made of. */
export interface KubeletOptions {
  readonly store: ObjectStore;
  readonly runtime: Runtime;
  /** Where it has its files: drivers register in `plugins_registry` there. */
  readonly rootDirectory: string;
  readonly nodeName: string;
  /** CPUs that the node says it has. */
  readonly cpus: CpuSet;
  /** Such as "v1.36.0". */
  readonly kubernetesVersion: string;
  /** Default: as the real kubelet. */
  readonly timing?: Partial<KubeletTiming>;
  readonly log: Log;
}

/**
 * The kubelet of the embedded node: registers the node and its drivers, has claims prepared, runs the node's pods and tells
 * how they are. What it does to drivers is what kubelet 1.37 was seen to do; it can be stopped and started again, pods run on
 * meanwhile.
 */
export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #plugins: PluginRegistry;
  readonly #claims: ClaimManager;
  readonly #workers = new Map<string, PodWorker>();
  #stops: (() => void)[] = [];
  #areImagesThere = true;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#plugins = new PluginRegistry({
      store: options.store,
      nodeName: options.nodeName,
      rootDirectory: options.rootDirectory,
      timing: this.#timing,
      onHealth: () => this.#wakeAll(),
      log: options.log,
    });
    this.#claims = new ClaimManager(options.store, (driverName) => this.#plugins.find(driverName));
  }

  /** Names of the drivers that are registered now. */
  get driverNames(): string[] {
    return this.#plugins.driverNames;
  }

  /** How many registrations there were, those of drivers that came back included. */
  get registrations(): number {
    return this.#plugins.registrations;
  }

  /** Without images, as while a slow one is being pulled, sandboxes are made and claims prepared, but no container is created. */
  set areImagesThere(areThere: boolean) {
    this.#areImagesThere = areThere;
    this.#wakeAll();
  }

  get #timing(): KubeletTiming {
    return { ...REAL_TIMING, ...this.#options.timing };
  }

  /** Starts it, also again after a stop. */
  async start(): Promise<void> {
    const { store, runtime, rootDirectory, nodeName } = this.#options;
    await mkdir(join(rootDirectory, 'plugins'), { recursive: true });
    this.#claims.forgetPrepared();
    this.#registerNode();
    await this.#plugins.start();
    const stopWatch = store.watch(
      'pods',
      ({ type, object }) => {
        if (type === 'DELETED') this.#workers.get(object.metadata.uid)?.remove();
        else this.#workerOf(object.metadata.uid).update(object);
      },
      { fieldSelector: `spec.nodeName=${nodeName}` },
    );
    const unsubscribe = runtime.subscribe((podUid) => this.#workers.get(podUid)?.wake());
    this.#stops = [stopWatch, unsubscribe];
    // Pods that went while it was down are ended.
    for (const { pod } of await runtime.listSandboxes())
      if (!this.#workers.has(pod.uid)) this.#workerOf(pod.uid).remove();
  }

  /** Stops it: pods run on, but nobody restarts their containers. May be called twice. */
  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    await this.#plugins.stop();
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  #workerOf(uid: string): PodWorker {
    const known = this.#workers.get(uid);
    if (known) return known;
    const { store, runtime, log } = this.#options;
    const options: PodWorkerOptions = {
      store,
      runtime,
      claims: this.#claims,
      timing: this.#timing,
      healthOf: (pod, container) => this.#healthOf(pod, container),
      areImagesThere: () => this.#areImagesThere,
      log,
    };
    const worker = new PodWorker(uid, options, () => this.#workers.delete(uid));
    this.#workers.set(uid, worker);
    return worker;
  }

  #wakeAll(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  #registerNode(): void {
    const { store, nodeName, cpus, kubernetesVersion } = this.#options;
    const { metadata, status } = describeNode({ nodeName, cpus, kubernetesVersion }, Date.now());
    if (store.find('nodes', nodeName)) {
      store.patch('nodes', nodeName, { type: 'merge', body: { status } }, { subresource: 'status' });
    } else {
      store.create('nodes', { metadata, status });
    }
  }

  /** The health of what a container's claims gave it, by claim; nothing of drivers that say nothing of health. */
  #healthOf(pod: Pod, container: Container): ResourceStatus[] {
    const byResource = new Map<string, NonNullable<ResourceStatus['resources']>>();
    for (const { resource, driver, device } of this.#knownDevices(pod, container)) {
      const { poolName: pool, deviceName, cdiDeviceIds } = device;
      const known = this.#plugins.health.find({ driver, pool, device: deviceName });
      if (!known) continue;
      const resourceID = cdiDeviceIds[0] ?? `${driver}/${pool}/${deviceName}`;
      const { health, message } = known;
      const entries = byResource.get(resource) ?? [];
      entries.push({ resourceID, health, ...(message === '' ? {} : { message }) });
      byResource.set(resource, entries);
    }
    return [...byResource].map(([name, resources]) => ({ name, resources }));
  }

  #knownDevices(pod: Pod, container: Container) {
    try {
      return this.#claims.devicesOf(pod, container);
    } catch (error) {
      if (error instanceof KubeletFault) return [];
      throw error;
    }
  }
}
