import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../../src/apiserver/client.ts';
import { ApiConnection } from '../../../src/apiserver/connection.ts';

/** Where etcd and kube-apiserver are, by the variable that controller-runtime's envtest uses. */
const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
const binaries = ['etcd', 'kube-apiserver'];

/** Why the tests cannot run here, or false. */
export const skipReason = binaries.every((name) => existsSync(join(assets, name)))
  ? false
  : `KUBEBUILDER_ASSETS names no folder with ${binaries.join(' and ')}`;

const READY_TIMEOUT_MS = 120_000;
/** A member of system:masters, who may do everything. */
const ADMIN_TOKEN = 'admin-token';

/** Ends things after a test. */
interface TestContext {
  after(end: () => void | Promise<void>): void;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

async function end(process: ChildProcess | undefined): Promise<void> {
  if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
  process.kill('SIGKILL');
  await once(process, 'exit');
}

/** A real etcd and a real kube-apiserver, without anything that would run pods. */
export class Kubernetes {
  readonly url: string;
  readonly admin: ApiClient;
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly #t: TestContext;
  #apiServer: ChildProcess | undefined;

  private constructor(t: TestContext, directory: string, ports: readonly number[]) {
    this.#t = t;
    this.#directory = directory;
    this.#ports = ports;
    this.url = `https://127.0.0.1:${ports[0]}`;
    this.admin = this.client(ADMIN_TOKEN);
  }

  static async start(t: TestContext, featureGates: Readonly<Record<string, boolean>>): Promise<Kubernetes> {
    const directory = mkdtempSync(join(tmpdir(), 'kubernetes-'));
    const kubernetes = new Kubernetes(t, directory, await freePorts(3));
    const etcd = kubernetes.#startEtcd();
    t.after(async () => {
      await end(kubernetes.#apiServer);
      await end(etcd);
      rmSync(directory, { recursive: true });
    });
    execFileSync('openssl', ['genrsa', '-out', join(directory, 'sa.key'), '2048'], { stdio: 'pipe' });
    writeFileSync(
      join(directory, 'tokens.csv'),
      `${ADMIN_TOKEN},admin,admin,system:masters\ndriver-token,driver,driver,drivers\n`,
    );
    await kubernetes.restart(featureGates);
    return kubernetes;
  }

  /** Starts the API server (again) with these gates, on the same data. */
  async restart(featureGates: Readonly<Record<string, boolean>>): Promise<void> {
    await end(this.#apiServer);
    const gates = Object.entries(featureGates).map(([gate, isOn]) => `${gate}=${String(isOn)}`);
    const [port, etcdPort] = this.#ports;
    const key = join(this.#directory, 'sa.key');
    this.#apiServer = this.#spawn('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${join(this.#directory, 'certificates')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${join(this.#directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      '--watch-cache=true',
      ...(gates.length === 0 ? [] : [`--feature-gates=${gates.join(',')}`]),
    ]);
    await this.#untilReady();
  }

  /** A client with a token: `driver-token` is a user without any permission at first. */
  client(token: string): ApiClient {
    const settings = { server: new URL(this.url), skipTlsVerify: true, token: { text: token } };
    const connection = new ApiConnection(settings, { environment: {} });
    this.#t.after(() => connection.close());
    return new ApiClient(connection, { userAgent: 'dracpu-test', timeoutMs: 60_000 });
  }

  #startEtcd(): ChildProcess {
    const [, client, peer] = this.#ports.map((port) => `http://127.0.0.1:${port}`);
    const data = join(this.#directory, 'etcd');
    const listen = [
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
    ];
    const peers = [`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`];
    return this.#spawn('etcd', [`--data-dir=${data}`, '--unsafe-no-fsync', ...listen, ...peers]);
  }

  #spawn(name: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.#directory, `${name}.log`), 'a');
    const process = spawn(join(assets, name), args, { stdio: ['ignore', log, log] });
    closeSync(log);
    return process;
  }

  async #untilReady(): Promise<void> {
    const endMs = performance.now() + READY_TIMEOUT_MS;
    const resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' };
    for (;;) {
      try {
        await this.admin.get({ resource, name: 'default' });
        return;
      } catch (error) {
        if (this.#apiServer?.exitCode !== null)
          throw new Error(`kube-apiserver ended, see ${this.#directory}`, { cause: error });
        if (performance.now() > endMs) throw error;
        await delay(200);
      }
    }
  }
}
