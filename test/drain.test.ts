/** `dracpu drain --check` as a process: the driver's files on the node and the API server on a real socket. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { claimSpecFileName, formatClaimSpec } from '../src/records/cdi-spec.ts';
import { ApiServer } from '../embedded/apiserver/api-server.ts';
import { writeKubeconfig } from '../embedded/apiserver/kubeconfig.ts';
import { claim } from '../embedded/apiserver/testing/cluster.ts';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;

/** A node with a driver's process, its files of claims and its API server. */
async function startNode(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'drain-'));
  const api = await ApiServer.start();
  t.after(async () => {
    await api.stop();
    await rm(root, { recursive: true });
  });
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  await mkdir(join(root, 'cdi'));
  await put('proc/42/cmdline', `node\0/dracpu\0--kubeconfig=${root}/kubeconfig\0--cdi-dir=/cdi\0`);
  await put('proc/42/environ', 'NODE_NAME=worker\0');
  await symlink(root, join(root, 'proc/42/root'));
  await writeKubeconfig(join(root, 'kubeconfig'), { server: api.url });
  const check = async (...argv: string[]) => {
    const env = { ...process.env, HOST_ROOT: root };
    const child = spawn(process.execPath, [MAIN, 'drain', ...argv], { env });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { stdout, stderr, code: child.exitCode };
  };
  const allocate = async (name: string, pods: string[], node = 'worker') => {
    const made = api.store.create('resourceclaims', claim(name));
    const status = {
      allocation: {
        devices: { results: [{ request: 'cpu', driver: 'dra.cpu', pool: node, device: 'cpudevnuma000' }] },
      },
      reservedFor: pods.map((pod) => ({ resource: 'pods', name: pod, uid: `uid-${pod}` })),
    };
    api.store.update('resourceclaims', { ...made, status }, { namespace: 'default', subresource: 'status' });
    return made.metadata.uid;
  };
  const prepare = (uid: string, name: string, cpus: string) =>
    put(`cdi/${claimSpecFileName(uid)}`, formatClaimSpec({ uid, cpus, namespace: 'default', name, assignments: [] }));
  return { api, check, allocate, prepare, put };
}

describe('dracpu drain --check', () => {
  it('R9: ends with 0 where no pod holds a claim, and says so', async (t) => {
    const { check, allocate } = await startNode(t);
    await allocate('far', ['far'], 'another');
    assert.deepEqual(await check('--check'), {
      stdout: 'No pod holds a claim of dra.cpu on node worker.\n',
      stderr: '',
      code: 0,
    });
    const { stdout } = await check('--check', '-o', 'json');
    const nothing = { node: 'worker', pods: [], idleClaims: [], problems: [] };
    assert.deepEqual(JSON.parse(stdout), { apiVersion: 'dra.cpu/v1alpha1', kind: 'DrainCheck', ...nothing });
  });

  it('R9: ends with 1 and names the pods that would be left without a driver', async (t) => {
    const { check, allocate, prepare } = await startNode(t);
    await prepare(await allocate('db', ['db-0']), 'db', '2-3');
    await allocate('web', ['web']);
    await allocate('far', ['far'], 'another');
    await prepare('uid-old', 'old', '7');
    const { stdout, code } = await check('--check');
    assert.equal(code, 1);
    assert.equal(
      stdout,
      [
        '2 pods hold claims of dra.cpu on node worker. Without the driver they run on; deleted, they stay Terminating, and after a restart of the node they do not start.',
        'NODE    NAMESPACE  POD   CLAIMS  CPUS',
        'worker  default    db-0  db      2-3',
        'worker  default    web   web     not prepared',
        'worker  default    -     old     7',
        '',
      ].join('\n'),
    );
    const json = await check('--check', '--output=json');
    assert.equal(json.code, 1);
    const found = JSON.parse(json.stdout) as { pods: { name: string }[]; idleClaims: { name: string }[] };
    assert.deepEqual(
      found.pods.map(({ name }) => name),
      ['db-0', 'web'],
    );
    assert.deepEqual(
      found.idleClaims.map(({ name }) => name),
      ['old'],
    );
    assert.match(
      (await check('--check', '--all-nodes')).stdout,
      /^3 pods hold claims of dra.cpu in the cluster\..*another +default +far +far +not/s,
    );
  });

  it('R9: ends with 1 where it is not known, and with 2 without --check', async (t) => {
    const { api, check, prepare, put } = await startNode(t);
    await prepare('uid-db', 'db', '2-3');
    await put(`cdi/${claimSpecFileName('uid-bad')}`, '{');
    await api.pause();
    const { stdout, code } = await check('--check');
    assert.equal(code, 1);
    assert.match(stdout, /Not all is known: .*uid-bad.*Not all is known: API server: .*worker +default +- +db +2-3/s);
    assert.doesNotMatch(stdout, /No pod holds/);
    const wrong = await check();
    assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
    assert.match(wrong.stderr, /--check is missing/);
  });
});
