import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { DRAPluginDefinition, type NodePrepareResourceResponse } from '../../src/gen/kubelet/dra-v1.ts';
import { callUnary } from '../../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../../src/lib/grpc-methods.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { SLOWNESS } from './slowness.ts';

const DRA = toGrpcMethods(DRAPluginDefinition);
const CALL_MS = 45_000 * SLOWNESS;
/** How long the driver may take to serve, in milliseconds. */
const READY_MS = 20_000 * SLOWNESS;
const ROOT = join(import.meta.dirname, '../..');

/** What the kubelet says of a claim. */
export interface ClaimName {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/** Where the driver finds its peers. */
export interface DriverPlaces {
  readonly nodeName: string;
  /** A directory of its own. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly nriSocket: string;
  readonly cdiDirectory: string;
  /** More arguments. */
  readonly args?: readonly string[];
  /** The name of its pod, "dra-driver-cpu-xxxxx"; none by default. */
  readonly podName?: string;
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

async function findFreePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  return port;
}

/** The real driver as a process of the bundle, and the kubelet's calls of it. */
export class DriverProcess {
  readonly #places: DriverPlaces;
  #process: ChildProcess | undefined;
  #port = 0;

  constructor(places: DriverPlaces) {
    this.#places = places;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Where it serves HTTP on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  /** Starts it, and resolves when it serves both the kubelet and the container runtime. */
  async start(): Promise<void> {
    if (!existsSync(join(ROOT, 'dist/dracpu.cjs'))) execFileSync(process.execPath, ['hack/build.ts'], { cwd: ROOT });
    await this.launch();
    await eventually('the driver serves', () => this.isReady(), READY_MS).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.readLog()}`, { cause: error });
    });
  }

  /** Starts it and does not wait. */
  async launch(): Promise<void> {
    const { directory, nodeName, kubeconfig, nriSocket, cdiDirectory, args = [] } = this.#places;
    const kubelet = join(directory, 'kubelet');
    await mkdir(join(kubelet, 'plugins_registry'), { recursive: true });
    this.#port ||= await findFreePort();
    const log = openSync(this.#logPath, 'a');
    const options = {
      kubeconfig,
      'hostname-override': nodeName,
      'kubelet-root-dir': kubelet,
      'nri-socket': nriSocket,
      'cdi-dir': cdiDirectory,
      'bind-address': `127.0.0.1:${this.#port}`,
      'start-jitter-seconds': '0',
    };
    const argv = [...Object.entries(options).map(([name, value]) => `--${name}=${value}`), ...args];
    const { podName } = this.#places;
    const pod =
      podName === undefined ? {} : { POD_NAME: podName, POD_NAMESPACE: 'kube-system', POD_UID: `uid-${podName}` };
    const env = { ...process.env, ...pod, ...this.#places.env };
    this.#process = spawn(join(ROOT, 'bin/dracpu'), argv, { stdio: ['ignore', log, log], env });
    closeSync(log);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  }

  /** Stops or continues it as a whole: it then answers nothing. */
  freeze(isFrozen: boolean): void {
    this.#process?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Whether the runtime has told its containers and the kubelet's socket answers. */
  async isReady(): Promise<boolean> {
    try {
      const conditions = await this.#get('/readyz?verbose').catch(() => '');
      return existsSync(this.#endpoint) && conditions.includes('[+]nri-synchronized');
    } catch {
      return false;
    }
  }

  /** The value of the metric with these labels ("name=value"); 0 when it is not there. */
  async readMetric(name: string, ...labels: string[]): Promise<number> {
    const wanted = labels.map((label) => label.replace(/=(.*)/, '="$1"'));
    const line = (await this.#get('/metrics'))
      .split('\n')
      .find((text) => /^\w+/.exec(text)?.[0] === name && wanted.every((label) => text.includes(label)));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** Calls NodePrepareResources for one claim, as the kubelet does before it makes a sandbox. */
  async prepare(claim: ClaimName): Promise<NodePrepareResourceResponse> {
    const { claims } = await this.#call((client) =>
      callUnary(client, DRA.nodePrepareResources, { request: { claims: [claim] }, timeoutMs: CALL_MS }),
    );
    const answer = claims[claim.uid];
    if (!answer) throw new RangeError(`no answer for claim ${claim.uid}`);
    return answer;
  }

  /** Calls NodeUnprepareResources for one claim; its error, "" for none. */
  async unprepare(claim: ClaimName): Promise<string> {
    const { claims } = await this.#call((client) =>
      callUnary(client, DRA.nodeUnprepareResources, { request: { claims: [claim] }, timeoutMs: CALL_MS }),
    );
    return claims[claim.uid]?.error ?? 'no answer';
  }

  /** The end of its log. */
  async readLog(): Promise<string> {
    return (await readFile(this.#logPath, 'utf8').catch(() => '')).slice(-6000);
  }

  get #logPath(): string {
    return join(this.#places.directory, 'driver.log');
  }

  get #endpoint(): string {
    const { directory, podName } = this.#places;
    const name = podName === undefined ? 'dra.sock' : `dra-uid-${podName}.sock`;
    return join(directory, 'kubelet/plugins/dra.cpu', name);
  }

  async #get(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}${path}`)).text();
  }

  async #call<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client(`unix://${this.#endpoint}`, credentials.createInsecure());
    try {
      return await call(client);
    } finally {
      client.close();
    }
  }
}
