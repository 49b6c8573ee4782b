import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ApiServer } from '../../embedded/apiserver/api-server.ts';
import { writeKubeconfig } from '../../embedded/apiserver/kubeconfig.ts';
import { NODES } from './api-object.ts';
import { ApiClient } from './client.ts';
import { type ConnectionOptions, loadConnection } from './connection.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const SERVER = 'https://10.0.0.1:6443';

/** A kubeconfig with one cluster and one user. */
function kubeconfig(cluster: object = {}, user: object = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'prod', user: 'driver' } }],
    clusters: [{ name: 'prod', cluster: { server: SERVER, ...cluster } }],
    users: [{ name: 'driver', user }],
  });
}

/** Options whose files are the given texts. */
function withFiles(files: Record<string, string>, rest: Partial<ConnectionOptions> = {}): ConnectionOptions {
  const readText = async (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
    return Promise.resolve(text);
  };
  return { environment: {}, readText, ...rest };
}

describe('parseKubeconfig', () => {
  it('reads data, files beside it, tokens and names', () => {
    const data = Buffer.from('pem').toString('base64');
    assert.deepEqual(
      parseKubeconfig(kubeconfig({ 'certificate-authority-data': data }, { token: 't' }), '/etc/k/config'),
      {
        server: new URL(SERVER),
        skipTlsVerify: false,
        authority: { text: 'pem' },
        token: { text: 't' },
      },
    );
    const cluster = { 'certificate-authority': 'ca.crt', 'tls-server-name': 'kube', 'insecure-skip-tls-verify': true };
    const user = { 'client-certificate': '/pki/c.crt', 'client-key': '../c.key', tokenFile: 'token', token: 'stale' };
    assert.deepEqual(parseKubeconfig(kubeconfig(cluster, user), '/etc/k/config'), {
      server: new URL(SERVER),
      skipTlsVerify: true,
      authority: { path: '/etc/k/ca.crt' },
      tlsServerName: 'kube',
      clientCertificate: { path: '/pki/c.crt' },
      clientKey: { path: '/etc/c.key' },
      token: { path: '/etc/k/token' },
    });
  });

  const mistakes: { name: string; text: string; want: RegExp; code?: string }[] = [
    { name: 'no YAML', text: 'a: [', want: /is not YAML/ },
    { name: 'nothing', text: '', want: /document is null; want a mapping/ },
    { name: 'no context', text: 'clusters: []', want: /no current-context/ },
    {
      name: 'an unknown context',
      text: kubeconfig().replace('current-context: here', 'current-context: there'),
      want: /contexts has no "there"; it has "here"/,
    },
    {
      name: 'an unknown cluster',
      text: kubeconfig().replace('cluster: prod', 'cluster: test'),
      want: /clusters has no "test"/,
    },
    { name: 'no server', text: kubeconfig({ server: '' }), want: /cluster "prod" has no server/ },
    {
      name: 'a server that is no URL',
      text: kubeconfig({ server: 'ftp://x' }),
      want: /server of cluster "prod" is "ftp:\/\/x"/,
    },
    {
      name: 'a number for a text',
      text: kubeconfig({}, { token: 7 }),
      want: /token of user "driver" is 7; want a text/,
    },
    {
      name: 'half a certificate',
      text: kubeconfig({}, { 'client-certificate': 'c.crt' }),
      want: /user "driver" has no client-key/,
    },
    {
      name: 'a password',
      text: kubeconfig({}, { username: 'u', password: 'p' }),
      want: /"username" of user "driver" is not supported; use a token/,
      code: 'KubeconfigUnsupported',
    },
    {
      name: 'a proxy',
      text: kubeconfig({ 'proxy-url': 'http://proxy' }),
      want: /"proxy-url" of cluster "prod" is not supported/,
      code: 'KubeconfigUnsupported',
    },
  ];
  for (const { name, text, want, code = 'KubeconfigInvalid' } of mistakes) {
    it(`names what is wrong with ${name}`, () => {
      assert.throws(
        () => parseKubeconfig(text, '/etc/k/config'),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, code);
          assert.match(error.message, want);
          assert.match(error.message, /^Cannot use kubeconfig "\/etc\/k\/config": /);
          return true;
        },
      );
    });
  }
});

describe('loadConnection', () => {
  it('finds the API server of its cluster, also by IPv6', async () => {
    const files = { '/sa/token': 'secret\n', '/sa/ca.crt': '' };
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const connection = await loadConnection(withFiles(files, { environment, serviceAccountDirectory: '/sa' }));
    assert.equal(connection.server.href, 'https://[fd00::1]/');
    assert.deepEqual((await connection.access()).headers, { authorization: 'Bearer secret' });
  });

  it('names each thing that is missing', async () => {
    await assert.rejects(loadConnection({ environment: {} }), { code: 'NotInCluster', message: /set --kubeconfig/ });
    const environment = { KUBERNETES_SERVICE_HOST: 'h', KUBERNETES_SERVICE_PORT: '443' };
    const account = { environment, serviceAccountDirectory: '/sa' };
    await assert.rejects(loadConnection(withFiles({ '/sa/ca.crt': '' }, account)), {
      code: 'CredentialsUnreadable',
      message: /Cannot read "\/sa\/token".*ENOENT/,
    });
    await assert.rejects(loadConnection(withFiles({}, { kubeconfigPath: '/none' })), {
      code: 'KubeconfigUnreadable',
      message: /Cannot read kubeconfig "\/none": ENOENT/,
    });
  });

  it('reads token and authority again after a minute, and keeps what it has while they are unreadable', async () => {
    let nowMs = 0;
    const files: Record<string, string> = { '/token': 'one', '/ca': '', '/config': '' };
    files['/config'] = kubeconfig({ 'certificate-authority': '/ca' }, { tokenFile: '/token' });
    const connection = await loadConnection(withFiles(files, { kubeconfigPath: '/config', nowMs: () => nowMs }));
    const first = await connection.access();
    files['/token'] = 'two';
    assert.deepEqual(await connection.access(), first);
    nowMs += 61_000;
    assert.equal((await connection.access()).headers['authorization'], 'Bearer two');
    assert.equal((await connection.access()).agent, first.agent);
    delete files['/token'];
    nowMs += 61_000;
    assert.equal((await connection.access()).headers['authorization'], 'Bearer two');
    files['/token'] = 'two';
    files['/ca'] = 'other';
    nowMs += 61_000;
    assert.notEqual((await connection.access()).agent, first.agent);
  });

  it('runs the credential command of a kubeconfig, again when its credential expires', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'exec-'));
    t.after(() => rm(directory, { recursive: true }));
    const script = join(directory, 'sign-in');
    const credential = { status: { token: 'T', expirationTimestamp: '2020-01-01T00:00:00Z' } };
    const output = JSON.stringify(credential).replace('"T"', '"\'"$RANDOM$PREFIX"\'"');
    await writeFile(script, `#!/bin/bash\necho '${output}'\n`, { mode: 0o755 });
    const path = join(directory, 'config');
    const exec = { command: './sign-in', env: [{ name: 'PREFIX', value: '-suffix' }] };
    await writeFile(path, kubeconfig({}, { exec }));
    const connection = await loadConnection({ kubeconfigPath: path, environment: {} });
    const first = (await connection.access()).headers['authorization'] ?? '';
    assert.match(first, /^Bearer \d+-suffix$/);
    await writeFile(script, "#!/bin/bash\necho '{}'\n", { mode: 0o755 });
    assert.match((await connection.access()).headers['authorization'] ?? '', /-suffix$/);
    const hint = { ...exec, installHint: 'install it' };
    await writeFile(path, kubeconfig({}, { exec: hint }));
    await assert.rejects(loadConnection({ kubeconfigPath: path, environment: {} }), {
      code: 'CredentialsUnreadable',
      message: /sign-in": its ExecCredential holds neither token nor clientCertificateData; install it$/,
    });
  });
});

describe('ApiClient over a loaded connection', () => {
  it('signs in with a kubeconfig, and again after its token was replaced', async (t) => {
    const server = await ApiServer.start({ requiredToken: 'one' });
    t.after(() => server.stop());
    const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    t.after(() => rm(directory, { recursive: true }));
    const [path, tokenPath] = [join(directory, 'config'), join(directory, 'token')];
    await writeKubeconfig(path, { server: server.url, token: 'one' });
    server.store.create('nodes', { metadata: { name: 'n1' } });
    const address = { resource: NODES, name: 'n1' };
    const fixed = await loadConnection({ kubeconfigPath: path, environment: {} });
    t.after(() => fixed.close());
    const client = new ApiClient(fixed, { userAgent: 'test' });
    assert.equal((await client.get(address)).metadata.name, 'n1');
    await writeFile(tokenPath, 'one');
    await writeFile(path, kubeconfig({ server: server.url }, { tokenFile: tokenPath }));
    const rotating = await loadConnection({ kubeconfigPath: path, environment: {} });
    t.after(() => rotating.close());
    const renewed = new ApiClient(rotating, { userAgent: 'test' });
    await renewed.get(address);
    server.requiredToken = 'two';
    await writeFile(tokenPath, 'two');
    assert.equal((await renewed.get(address)).metadata.name, 'n1');
    await assert.rejects(client.get(address), { code: 'Unauthorized', status: 401 });
  });
});
