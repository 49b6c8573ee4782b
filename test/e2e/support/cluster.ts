import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  AdmissionregistrationV1Api,
  type ApiType,
  AppsV1Api,
  type Configuration,
  CoreV1Api,
  Exec,
  KubeConfig,
  RbacAuthorizationV1Api,
  ResourceV1Api,
  type V1DaemonSet,
  type V1Device,
  type V1Pod,
  type V1ResourceSlice,
  type V1Status,
} from '@kubernetes/client-node';
import { type DeviceMode, readDeviceMode } from './device-mode.ts';
import { poll } from './poll.ts';
import { readSettings, type Settings } from './settings.ts';

export const DRIVER = 'dra.cpu';

/** Labels of the driver's DaemonSet: this project's chart, and the reference's manifests. */
const DAEMON_SET_LABELS = ['app.kubernetes.io/name=dra-driver-cpu', 'app=dracpu'];

/** The result of a command in a container. */
export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly succeeded: boolean;
}

/** The part of the kubelet's statistics (stats/v1alpha1 Summary) that is read here. */
interface StatsSummary {
  readonly pods: readonly {
    readonly podRef: { readonly uid: string };
    readonly containers?: readonly { readonly memory?: { readonly rssBytes?: number } }[];
  }[];
}

/** The cluster under test, and the node that the tests use. */
export class Cluster {
  readonly settings: Settings;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly resource: ResourceV1Api;
  readonly rbac: RbacAuthorizationV1Api;
  readonly nodeName: string;
  readonly #config: KubeConfig;

  private constructor(config: KubeConfig, settings: Settings, nodeName: string) {
    this.#config = config;
    this.settings = settings;
    this.nodeName = nodeName;
    this.core = config.makeApiClient(CoreV1Api);
    this.apps = config.makeApiClient(AppsV1Api);
    this.resource = config.makeApiClient(ResourceV1Api);
    this.rbac = config.makeApiClient(RbacAuthorizationV1Api);
  }

  /** Connects as KUBECONFIG says; the node is the one of the settings, or the first on which the driver has published. */
  static async connect(): Promise<Cluster> {
    const config = new KubeConfig();
    config.loadFromDefault();
    const settings = readSettings();
    const slices = await poll('a ResourceSlice of the driver', async () => {
      const list = await config.makeApiClient(ResourceV1Api).listResourceSlice({});
      const own = list.items.filter(
        ({ spec }) => spec.driver === DRIVER && [undefined, spec.nodeName].includes(settings.targetNode),
      );
      return own.length > 0 && own;
    });
    const nodeName = settings.targetNode ?? slices.map(({ spec }) => spec.nodeName ?? '').sort()[0];
    assert.ok(nodeName, 'the driver’s ResourceSlices name no node');
    return new Cluster(config, settings, nodeName);
  }

  /** The driver's slices of the node, of the newest generation of its pool. */
  async slices(): Promise<V1ResourceSlice[]> {
    const { items } = await this.resource.listResourceSlice({
      fieldSelector: `spec.driver=${DRIVER},spec.nodeName=${this.nodeName}`,
    });
    const newest = Math.max(...items.map(({ spec }) => spec.pool.generation));
    return items.filter(({ spec }) => spec.pool.generation === newest);
  }

  async devices(): Promise<V1Device[]> {
    return (await this.slices()).flatMap(({ spec }) => spec.devices ?? []);
  }

  async deviceMode(): Promise<DeviceMode> {
    return readDeviceMode(await this.devices());
  }

  /** The driver's DaemonSet, or undefined where it runs otherwise. */
  async daemonSet(): Promise<V1DaemonSet | undefined> {
    for (const labelSelector of DAEMON_SET_LABELS) {
      const [found] = (await this.apps.listDaemonSetForAllNamespaces({ labelSelector })).items;
      if (found) return found;
    }
    return undefined;
  }

  /** The pods of a DaemonSet on the node that are not being deleted. */
  async daemonPods(set: V1DaemonSet): Promise<V1Pod[]> {
    const labels = Object.entries(set.spec?.selector.matchLabels ?? {});
    const { items } = await this.core.listNamespacedPod({
      namespace: set.metadata?.namespace ?? '',
      labelSelector: labels.map(([key, value]) => `${key}=${value}`).join(','),
      fieldSelector: `spec.nodeName=${this.nodeName}`,
    });
    return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  }

  /** The names of the cluster's ValidatingAdmissionPolicies. */
  async policyNames(): Promise<string[]> {
    const { items } = await this.#config.makeApiClient(AdmissionregistrationV1Api).listValidatingAdmissionPolicy();
    return items.map(({ metadata }) => metadata?.name ?? '');
  }

  /** An API client with the rights of a token instead of KUBECONFIG's. */
  apiWithToken<T extends ApiType>(token: string, api: new (configuration: Configuration) => T): T {
    const config = new KubeConfig();
    const cluster = this.#config.getCurrentCluster();
    assert.ok(cluster, 'KUBECONFIG names no cluster');
    config.loadFromClusterAndUser(cluster, { name: 'token', token });
    return config.makeApiClient(api);
  }

  /** Runs a command in a container of a pod. */
  async exec(pod: V1Pod, container: string, command: readonly string[]): Promise<ExecResult> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const status = Promise.withResolvers<V1Status>();
    const socket = await new Exec(this.#config).exec(
      namespace,
      name,
      container,
      [...command],
      stdout,
      stderr,
      null,
      false,
      status.resolve,
    );
    socket.addEventListener('close', () => {
      status.reject(new assert.AssertionError({ message: 'the exec connection closed early' }));
    });
    const { status: outcome } = await status.promise;
    stdout.end();
    stderr.end();
    return { stdout: await text(stdout), stderr: await text(stderr), succeeded: outcome === 'Success' };
  }

  /** Anonymous memory of a pod's containers, as the kubelet measures it: without mapped files. */
  async anonymousBytes(pod: V1Pod): Promise<number> {
    const { pods } = JSON.parse(await this.#get(`/api/v1/nodes/${this.nodeName}/proxy/stats/summary`)) as StatsSummary;
    const found = pods.find(({ podRef }) => podRef.uid === pod.metadata?.uid);
    return found?.containers?.reduce((sum, { memory }) => sum + (memory?.rssBytes ?? 0), 0) ?? Number.NaN;
  }

  /** GET of a path of a pod's HTTP server, through the API server. */
  async httpGet(pod: V1Pod, port: number, path: string): Promise<string> {
    const { namespace, name } = pod.metadata ?? {};
    return await this.#get(`/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy/${path}`);
  }

  /** GET whose answer the generated client cannot read. */
  async #get(path: string): Promise<string> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const server = this.#config.getCurrentCluster()?.server ?? '';
    const [response] = (await once(get(`${server}${path}`, options), 'response')) as [IncomingMessage];
    const body = await text(response);
    assert.equal(response.statusCode, 200, `GET ${path}: ${response.statusCode} ${body}`);
    return body;
  }
}

/** Whether all of a pod's conditions say that it serves. */
export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
