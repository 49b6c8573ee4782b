import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { errorText } from '../lib/log.ts';
import { ApiConnectionError } from './connection-error.ts';
import type { ConnectionSettings, ExecSettings, Material } from './connection-settings.ts';
import { quote, quoteNames } from '../lib/quote.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Ways to sign in and to connect that kubeconfigs know and this program does not, with what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  'auth-provider': 'use a token, a client certificate or an exec command',
  username: 'use a token, a client certificate or an exec command',
  as: 'use credentials of the user itself',
  'proxy-url': 'name an address that is reached without a proxy',
};

/** Reads one kubeconfig; remembers its path for messages and relative file names. */
class KubeconfigReader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(text: string): ConnectionSettings {
    const document = this.#parse(text);
    const contextName = this.#text(document, 'current-context', 'the document');
    if (contextName === undefined)
      throw this.#invalid('it has no current-context; want the name of one of its contexts');
    const context = this.#entry(document, { list: 'contexts', name: contextName, field: 'context' });
    const clusterName = this.#text(context, 'cluster', `context "${contextName}"`);
    if (clusterName === undefined) throw this.#invalid(`context "${contextName}" names no cluster`);
    const cluster = this.#entry(document, { list: 'clusters', name: clusterName, field: 'cluster' });
    const userName = this.#text(context, 'user', `context "${contextName}"`);
    const user = userName === undefined ? {} : this.#entry(document, { list: 'users', name: userName, field: 'user' });
    return { ...this.#cluster(cluster, `cluster "${clusterName}"`), ...this.#user(user, `user "${userName ?? ''}"`) };
  }

  #cluster(cluster: Fields, where: string) {
    this.#refuseUnsupported(cluster, where);
    const authority = this.#material(cluster, 'certificate-authority', where);
    const tlsServerName = this.#text(cluster, 'tls-server-name', where);
    const skip = cluster['insecure-skip-tls-verify'] ?? false;
    if (typeof skip !== 'boolean') {
      throw this.#invalid(`insecure-skip-tls-verify of ${where} is ${quote(skip)}; want true or false`);
    }
    return {
      server: this.#server(this.#text(cluster, 'server', where), where),
      skipTlsVerify: skip,
      ...(authority === undefined ? {} : { authority }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
    };
  }

  #server(text: string | undefined, where: string): URL {
    if (text === undefined) throw this.#invalid(`${where} has no server; want a URL such as "https://10.0.0.1:6443"`);
    const url = URL.parse(text.includes('://') ? text : `https://${text}`);
    if (url === null || !['http:', 'https:'].includes(url.protocol)) {
      throw this.#invalid(`server of ${where} is "${text}"; want a URL such as "https://10.0.0.1:6443"`);
    }
    return url;
  }

  #user(user: Fields, where: string) {
    this.#refuseUnsupported(user, where);
    const clientCertificate = this.#material(user, 'client-certificate', where);
    const clientKey = this.#material(user, 'client-key', where);
    if ((clientCertificate === undefined) !== (clientKey === undefined)) {
      const absent = clientKey === undefined ? 'client-key' : 'client-certificate';
      throw this.#invalid(`${where} has no ${absent}; want both client-certificate and client-key`);
    }
    const token = this.#token(user, where);
    const exec = this.#exec(user, where);
    return {
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      ...(clientKey === undefined ? {} : { clientKey }),
      ...(token === undefined ? {} : { token }),
      ...(exec === undefined ? {} : { exec }),
    };
  }

  /** As in client-go the file wins over the text, because it may be renewed. */
  #token(user: Fields, where: string): Material | undefined {
    const path = this.#text(user, 'tokenFile', where);
    if (path !== undefined) return { path: this.#resolve(path) };
    const text = this.#text(user, 'token', where);
    return text === undefined ? undefined : { text };
  }

  #exec(user: Fields, where: string): ExecSettings | undefined {
    if (user['exec'] === undefined || user['exec'] === null) return undefined;
    const exec = this.#fields(user['exec'], `exec of ${where}`);
    const command = this.#text(exec, 'command', `exec of ${where}`);
    if (command === undefined) throw this.#invalid(`exec of ${where} has no command`);
    const installHint = this.#text(exec, 'installHint', `exec of ${where}`);
    const environment = this.#list(exec, 'env').map((entry): [string, string] => {
      const variable = this.#fields(entry, `env of ${where}`);
      return [String(variable['name']), String(variable['value'])];
    });
    return {
      // A command with a slash is a file beside the kubeconfig, one without is looked up in PATH.
      command: command.includes('/') ? this.#resolve(command) : command,
      args: this.#list(exec, 'args').map(String),
      environment: Object.fromEntries(environment),
      apiVersion: this.#text(exec, 'apiVersion', `exec of ${where}`) ?? 'client.authentication.k8s.io/v1',
      ...(installHint === undefined ? {} : { installHint }),
    };
  }

  /** Base64 in `<name>-data`, or a file's path in `<name>`; the data wins, as in client-go. */
  #material(fields: Fields, name: string, where: string): Material | undefined {
    const data = this.#text(fields, `${name}-data`, where);
    if (data !== undefined) return { text: Buffer.from(data, 'base64').toString('utf8') };
    const path = this.#text(fields, name, where);
    return path === undefined ? undefined : { path: this.#resolve(path) };
  }

  #refuseUnsupported(fields: Fields, where: string): void {
    for (const [name, remedy] of Object.entries(UNSUPPORTED)) {
      if ((fields[name] ?? '') === '') continue;
      throw new ApiConnectionError(
        'KubeconfigUnsupported',
        `Cannot use kubeconfig "${this.#path}": "${name}" of ${where} is not supported; ${remedy}`,
      );
    }
  }

  #parse(text: string): Fields {
    let document: unknown;
    try {
      document = parse(text);
    } catch (error) {
      throw this.#invalid(`it is not YAML: ${errorText(error)}`, error);
    }
    return this.#fields(document, 'the document');
  }

  #entry(document: Fields, { list, name, field }: { list: string; name: string; field: string }): Fields {
    const entries = this.#list(document, list).map((entry) => this.#fields(entry, `an entry of ${list}`));
    const found = entries.find((entry) => entry['name'] === name);
    if (found) return this.#fields(found[field] ?? {}, `${field} "${name}"`);
    const names = quoteNames(entries.map((entry) => String(entry['name'])));
    throw this.#invalid(`${list} has no "${name}"; it has ${names === '' ? 'no entries' : names}`);
  }

  #fields(value: unknown, where: string): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    throw this.#invalid(`${where} is ${quote(value, 'empty')}; want a mapping`);
  }

  #list(fields: Fields, name: string): readonly unknown[] {
    const value = fields[name] ?? [];
    if (Array.isArray(value)) return value as unknown[];
    throw this.#invalid(`${name} is ${quote(value)}; want a list`);
  }

  /** A text that is not empty; undefined when there is none. */
  #text(fields: Fields, name: string, where: string): string | undefined {
    const value = fields[name] ?? '';
    if (typeof value !== 'string') throw this.#invalid(`${name} of ${where} is ${quote(value)}; want a text`);
    return value === '' ? undefined : value;
  }

  #resolve(path: string): string {
    return resolve(dirname(this.#path), path);
  }

  #invalid(why: string, cause?: unknown): ApiConnectionError {
    return new ApiConnectionError('KubeconfigInvalid', `Cannot use kubeconfig "${this.#path}": ${why}`, { cause });
  }
}

/**
 * Reads the current context of a kubeconfig (client-go tools/clientcmd/api/v1): server, authority, client certificate,
 * token and exec command; relative paths are relative to the file's directory, as for kubectl.
 * @throws ApiConnectionError KubeconfigInvalid or KubeconfigUnsupported, naming the entry.
 */
export function parseKubeconfig(text: string, path: string): ConnectionSettings {
  return new KubeconfigReader(path).read(text);
}
