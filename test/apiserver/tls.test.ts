/** The connection over TLS, with certificates that openssl makes for the occasion. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { NODES } from '../../src/apiserver/api-object.ts';
import { ApiClient } from '../../src/apiserver/client.ts';
import { loadConnection } from '../../src/apiserver/connection.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const skip = hasOpenssl ? false : 'openssl is not installed';

const directory = mkdtempSync(join(tmpdir(), 'tls-'));
after(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });

/** A new authority: `<name>.crt` and `<name>.key`. */
function makeAuthority(name: string): void {
  const subject = [
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ];
  openssl('req', '-x509', ...subject, '-keyout', `${name}.key`, '-out', `${name}.crt`);
}

/** A certificate that an authority signs; for a server when it has a host name. */
function makeCertificate(name: string, authority: string, host?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-new', '-subj', `/CN=${name}`, ...key, '-out', `${name}.csr`);
  writeFileSync(path(`${name}.ext`), host === undefined ? '' : `subjectAltName=DNS:${host}\n`);
  const by = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
}

const read = (name: string) => readFileSync(path(name), 'utf8');
const n1 = { resource: NODES, name: 'n1' };

describe('ApiClient over TLS', { skip }, () => {
  let url = '';
  const server = createServer({ requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(JSON.stringify({ metadata: { name: 'n1', uid: subject.CN } }));
  });

  before(async () => {
    for (const authority of ['old-ca', 'new-ca']) makeAuthority(authority);
    makeCertificate('old', 'old-ca', 'kube.test');
    makeCertificate('new', 'new-ca', 'kube.test');
    makeCertificate('driver', 'old-ca');
    serveWith('old');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function serveWith(name: string): void {
    server.setSecureContext({ cert: read(`${name}.crt`), key: read(`${name}.key`), ca: read('old-ca.crt') });
  }

  /** A client by a kubeconfig with the given entries. */
  async function connect(t: TestContext, what: { cluster?: object; user?: object; nowMs?: () => number }) {
    const name = 'test';
    const user = what.user ?? { 'client-certificate': 'driver.crt', 'client-key': 'driver.key' };
    const cluster = { server: url, 'certificate-authority': 'ca.crt', 'tls-server-name': 'kube.test', ...what.cluster };
    const document = {
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    };
    writeFileSync(path('ca.crt'), read('old-ca.crt'));
    writeFileSync(path('kubeconfig'), stringify(document));
    const clock = what.nowMs === undefined ? {} : { nowMs: what.nowMs };
    const connection = await loadConnection({ kubeconfigPath: path('kubeconfig'), environment: {}, ...clock });
    t.after(() => connection.close());
    return new ApiClient(connection, { userAgent: 'test' });
  }

  it('shows the client certificate and checks the server by authority and name', async (t) => {
    const client = await connect(t, {});
    assert.equal((await client.get(n1)).metadata.uid, 'driver');
    const base64 = (file: string) => readFileSync(path(file)).toString('base64');
    const user = { 'client-certificate-data': base64('driver.crt'), 'client-key-data': base64('driver.key') };
    const cluster = { 'certificate-authority': '', 'certificate-authority-data': base64('old-ca.crt') };
    assert.equal((await (await connect(t, { cluster, user })).get(n1)).metadata.uid, 'driver');
  });

  it('refuses a server of another name or authority, unless told not to look', async (t) => {
    const wrongName = await connect(t, { cluster: { 'tls-server-name': '' } });
    await assert.rejects(wrongName.get(n1), { code: 'Unreachable', message: /altname|does not match/i });
    const noAuthority = await connect(t, { cluster: { 'certificate-authority': '' } });
    await assert.rejects(noAuthority.get(n1), { code: 'Unreachable', message: /certificate/ });
    const careless = await connect(t, { cluster: { 'certificate-authority': '', 'insecure-skip-tls-verify': true } });
    assert.equal((await careless.get(n1)).metadata.uid, 'driver');
  });

  it('tells of a missing client certificate', async (t) => {
    const client = await connect(t, { user: { token: 'x' } });
    await assert.rejects(client.get(n1), { code: 'Unreachable' });
  });

  it('trusts a new authority once its file has changed', async (t) => {
    let nowMs = 0;
    const client = await connect(t, { nowMs: () => nowMs });
    await client.get(n1);
    serveWith('new');
    server.closeAllConnections();
    await assert.rejects(client.get(n1), { code: 'Unreachable' });
    writeFileSync(path('ca.crt'), read('new-ca.crt'));
    nowMs += 61_000;
    assert.equal((await client.get(n1)).metadata.uid, 'driver');
  });
});
