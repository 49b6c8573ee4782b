import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { errorText } from '../lib/log.ts';
import { ApiConnectionError } from './connection-error.ts';
import type { ConnectionSettings, Material } from './connection-settings.ts';
import { type ExecCredential, runExecCredential } from './exec-credential.ts';
import { parseKubeconfig } from './kubeconfig.ts';

/** How to find the API server and sign in. */
export interface ConnectionOptions {
  /** A kubeconfig file; the pod's service account when undefined. */
  readonly kubeconfigPath?: string | undefined;
  /** Tells the service's address in a pod, and is what a credential command inherits. */
  readonly environment: NodeJS.ProcessEnv;
  /** Where the pod's service account is mounted. */
  readonly serviceAccountDirectory?: string;
  /** Reads a whole file. */
  readonly readText?: (path: string) => Promise<string>;
  /** Milliseconds on any clock that does not jump. */
  readonly nowMs?: () => number;
}

/** What a request needs to be sent. */
export interface Access {
  readonly agent: Agent | TlsAgent;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where Kubernetes mounts a pod's token and authority. */
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Files are read again after this time; the kubelet renews tokens minutes before they expire. */
const REREAD_AFTER_MS = 60_000;
/** So many requests run side by side; a Prepare of the largest batch fits, and a broken caller cannot open thousands. */
const SOCKETS_MAX = 64;
/** A dead peer is noticed by TCP after this idle time and ten probes, one a second. */
const TCP_KEEP_ALIVE_MS = 15_000;
/** A credential is renewed this long before it expires. */
const EXPIRY_MARGIN_MS = 30_000;

/** The texts of the materials at one moment. */
interface Materials {
  readonly authority: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly token: string | undefined;
}

function isSameTls(a: Materials, b: Materials): boolean {
  return a.authority === b.authority && a.clientCertificate === b.clientCertificate && a.clientKey === b.clientKey;
}

/** The address of an API server with credentials that are always fresh. */
export class ApiConnection {
  /** Base URL of the API server. */
  readonly server: URL;
  readonly #settings: ConnectionSettings;
  readonly #options: ConnectionOptions;
  #materials: Materials | undefined;
  #readAtMs = 0;
  #reading: Promise<boolean> | undefined;
  #execCredential: ExecCredential | undefined;
  #agent: Agent | TlsAgent | undefined;

  constructor(settings: ConnectionSettings, options: ConnectionOptions) {
    this.server = settings.server;
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * The agent and headers for a request now. Reads token and certificates again when they were read a minute ago; files
   * that cannot be read any more leave what was read before.
   * @throws ApiConnectionError CredentialsUnreadable when they could never be read.
   */
  async access(): Promise<Access> {
    if (this.#materials === undefined || this.#nowMs() - this.#readAtMs > REREAD_AFTER_MS || this.#isExpired()) {
      await this.#readOnce({ isRefused: false }).catch((error: unknown) => {
        if (this.#materials === undefined) throw error;
      });
    }
    const token = this.#materials?.token;
    return {
      agent: (this.#agent ??= this.#newAgent()),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    };
  }

  /** Reads token and certificates again because the server refused what was sent; whether anything is new. */
  async refresh(): Promise<boolean> {
    return this.#readOnce({ isRefused: true });
  }

  /** Closes idle and running connections. */
  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  /** Calls while one runs share its result. */
  async #readOnce(why: { readonly isRefused: boolean }): Promise<boolean> {
    this.#reading ??= this.#read(why).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read({ isRefused }: { readonly isRefused: boolean }): Promise<boolean> {
    const { authority, clientCertificate, clientKey, token, exec } = this.#settings;
    this.#readAtMs = this.#nowMs();
    if (exec !== undefined && (isRefused || this.#execCredential === undefined || this.#isExpired())) {
      this.#execCredential = await runExecCredential(exec, this.#options.environment);
    }
    const materials: Materials = {
      authority: await this.#text(authority),
      clientCertificate: this.#execCredential?.clientCertificate ?? (await this.#text(clientCertificate)),
      clientKey: this.#execCredential?.clientKey ?? (await this.#text(clientKey)),
      token: this.#execCredential?.token ?? (await this.#text(token))?.trim(),
    };
    const previous = this.#materials;
    this.#materials = materials;
    if (previous === undefined) return true;
    const isTlsSame = isSameTls(previous, materials);
    if (!isTlsSame) this.#retireAgent();
    return !isTlsSame || previous.token !== materials.token;
  }

  async #text(material: Material | undefined): Promise<string | undefined> {
    if (material === undefined) return undefined;
    if ('text' in material) return material.text;
    const { readText = (path) => readFile(path, 'utf8') } = this.#options;
    try {
      return await readText(material.path);
    } catch (error) {
      throw new ApiConnectionError(
        'CredentialsUnreadable',
        `Cannot read "${material.path}" for the connection to ${this.server.origin}: ${errorText(error)}`,
        { cause: error },
      );
    }
  }

  #isExpired(): boolean {
    const { expiresAtMs } = this.#execCredential ?? {};
    return expiresAtMs !== undefined && Date.now() > expiresAtMs - EXPIRY_MARGIN_MS;
  }

  /** Lets running requests end on the old agent and keeps none of its connections. */
  #retireAgent(): void {
    const agent = this.#agent;
    this.#agent = undefined;
    if (agent === undefined) return;
    agent.maxFreeSockets = 0;
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
  }

  #newAgent(): Agent | TlsAgent {
    const common = { keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS, maxSockets: SOCKETS_MAX };
    if (this.server.protocol === 'http:') return new Agent(common);
    const { skipTlsVerify, tlsServerName } = this.#settings;
    const { authority, clientCertificate, clientKey } = this.#materials ?? {};
    return new TlsAgent({
      ...common,
      rejectUnauthorized: !skipTlsVerify,
      ...(authority === undefined ? {} : { ca: authority }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    });
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }
}

async function readKubeconfig(path: string, options: ConnectionOptions): Promise<ConnectionSettings> {
  const { readText = (file) => readFile(file, 'utf8') } = options;
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    throw new ApiConnectionError(
      'KubeconfigUnreadable',
      `Cannot read kubeconfig "${path}": ${errorText(error)}; check --kubeconfig`,
      {
        cause: error,
      },
    );
  }
  return parseKubeconfig(text, path);
}

function inClusterSettings(options: ConnectionOptions): ConnectionSettings {
  const { environment, serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY } = options;
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  const server = URL.parse(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  if (host === '' || port === '' || server === null) {
    throw new ApiConnectionError(
      'NotInCluster',
      `Cannot find the API server: no kubeconfig is given and KUBERNETES_SERVICE_HOST is "${host}", ` +
        `KUBERNETES_SERVICE_PORT "${port}"; run in a pod or set --kubeconfig`,
    );
  }
  return {
    server,
    authority: { path: `${serviceAccountDirectory}/ca.crt` },
    token: { path: `${serviceAccountDirectory}/token` },
    skipTlsVerify: false,
  };
}

/**
 * Finds the API server: by the kubeconfig if one is given, else by the pod's service account. Credentials are read once,
 * so that what is missing is found here; no request is sent.
 * @throws ApiConnectionError
 */
export async function loadConnection(options: ConnectionOptions): Promise<ApiConnection> {
  const { kubeconfigPath } = options;
  const settings =
    kubeconfigPath === undefined ? inClusterSettings(options) : await readKubeconfig(kubeconfigPath, options);
  const connection = new ApiConnection(settings, options);
  await connection.access();
  return connection;
}
