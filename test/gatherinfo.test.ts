import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { claimSpecFileName, formatClaimSpec } from '../src/records/cdi-spec.ts';
import { DRIVER_NAME } from '../src/cli/gatherinfo/find-driver.ts';
import { gatherInfo } from '../src/cli/gatherinfo/gather.ts';
import { ApiServer } from '../embedded/apiserver/api-server.ts';
import { writeKubeconfig } from '../embedded/apiserver/kubeconfig.ts';
import { writeMachine } from '../embedded/machine/write-machine.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';

const run = promisify(execFile);
const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;

/** Secrets that stand in places where users or Kubernetes put them; none of them may be gathered. */
const SECRETS = {
  variable: 'hunter2-in-a-variable',
  argument: 'hunter2-in-an-argument',
  annotation: 'hunter2-in-an-annotation',
  environ: 'hunter2-of-the-driver',
  token: 'hunter2-of-the-kubeconfig',
  cdi: 'hunter2-in-a-cdi-file',
};

const PAGES: Readonly<Record<string, string>> = {
  '/readyz': '[+]started ok\nready\n',
  '/topology.json?machine=no': '{"runtime":"containerd v2.1.4, NRI 0.10.0"}\n',
};

interface Report {
  layoutVersion: string;
  cpuDetails: { topology: Record<string, unknown>; cpus: Record<string, unknown>[] };
  driverConfig: Record<string, unknown>;
  allocations: unknown[];
  kubelet: { cpu_manager_state: { policyName: string }; pluginsRegistry: string[] };
  readiness: string[];
  nri: { is: string; runtime: string };
  resourceClaims: { metadata: { name: string } }[];
  resourceSlices: { metadata: { name: string } }[];
  pods: { spec: { containers: { env: { name: string; value: string }[] }[] } }[];
  node: { metadata: { name: string } };
  problems: { part: string; reason: string }[];
}

/** A node as files: sysfs, a proc file system with a driver in it, the kubelet's root and the CDI directory. */
async function writeNode(root: string, bindAddress: string): Promise<void> {
  writeMachine(root, parseSynthetic('pack:2 l3:1 core:2 pu:2'));
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await put('etc/c.yaml', 'groupBy: socket\nreservedCPUs: "0"\n');
  await put('kubelet/cpu_manager_state', '{"policyName":"none","defaultCpuSet":"","checksum":1353318690}');
  await put('kubelet/plugins_registry/other-reg.sock', '');
  const record = { uid: 'uid-db', cpus: '1,3', namespace: 'shop', name: 'db', assignments: [] };
  const spec = formatClaimSpec(record).replace('"env": [', `"env": ["TOKEN=${SECRETS.cdi}",`);
  await put(`cdi/${claimSpecFileName('uid-db')}`, spec);
  await put(`cdi/${claimSpecFileName('uid-bad')}`, '{');
  await put('cdi/vendor.json', '{}');
  await put('proc/7/cmdline', 'sleep\x00100\x00');
  await put('proc/9/cmdline', 'node\0/dracpu\0topology\0');
  const flags = [`--bind-address=${bindAddress}`, `--kubeconfig=${root}/kubeconfig`, '--cdi-dir=/cdi'];
  const argv = ['node', '/dracpu', '--config=/etc/c.yaml', '--kubelet-root-dir=/kubelet', ...flags];
  await put('proc/42/cmdline', `${argv.join('\0')}\0`);
  await put('proc/42/environ', `NODE_NAME=worker\0HOST_ROOT=${root}\0PASSWORD=${SECRETS.environ}\0`);
  await symlink(root, join(root, 'proc/42/root'));
}

function fillCluster({ store }: ApiServer): void {
  store.create('namespaces', { metadata: { name: 'shop' } });
  store.create('nodes', { metadata: { name: 'worker' } });
  const container = {
    name: 'main',
    image: 'busybox',
    args: [`--password=${SECRETS.argument}`],
    env: [{ name: 'DB_PASSWORD', value: SECRETS.variable }],
  };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': SECRETS.annotation };
  const pod = { metadata: { name: 'db', annotations }, spec: { nodeName: 'worker', containers: [container] } };
  store.create('pods', pod, { namespace: 'shop' });
  store.create('resourceslices', {
    metadata: { name: 'worker-slice' },
    spec: {
      driver: 'dra.cpu',
      nodeName: 'worker',
      pool: { name: 'worker', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'cpudevsocket000' }],
    },
  });
}

describe('dracpu gatherinfo', () => {
  let root: string;
  let pages: Server;
  let api: ApiServer;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'gather-'));
    pages = createServer(({ url }, response) => response.end(PAGES[url ?? ''] ?? `page ${url}\n`));
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    await writeNode(root, `127.0.0.1:${(pages.address() as AddressInfo).port}`);
    api = await ApiServer.start();
    fillCluster(api);
    await writeKubeconfig(join(root, 'kubeconfig'), { server: api.url, token: SECRETS.token });
  });
  after(async () => {
    pages.closeAllConnections();
    pages.close();
    await api.stop();
    await rm(root, { recursive: true });
  });

  const gather = (...argv: string[]) =>
    run(process.execPath, [MAIN, 'gatherinfo', ...argv], { env: { ...process.env, HOST_ROOT: root } });

  it('C10: writes the reference’s report with claims, slices, allocations, kubelet state and NRI beside it', async () => {
    const { stdout } = await gather('--stdout');
    assert.match(stdout, /^---\n/);
    const report = parse(stdout) as Report;
    assert.equal(report.layoutVersion, 'v1');
    assert.deepEqual(report.cpuDetails.topology, {
      numCPUs: 8,
      numCores: 4,
      numUncoreCache: 2,
      numSockets: 2,
      numNUMANodes: 1,
      smtEnabled: true,
    });
    assert.equal(report.cpuDetails.cpus.length, 8);
    assert.deepEqual(Object.keys(report.cpuDetails.cpus[0] ?? {}), [
      'cpuID',
      'coreID',
      'socketID',
      'clusterID',
      'numaNodeID',
      'numaNodeCPUSet',
      'sibling',
      'coreType',
      'uncoreCacheID',
    ]);
    const { cpuDeviceMode, groupBy, reservedCPUs, hostnameOverride } = report.driverConfig;
    assert.deepEqual([cpuDeviceMode, groupBy, reservedCPUs, hostnameOverride], ['grouped', 'socket', '0', 'worker']);
    assert.deepEqual(report.allocations, [{ uid: 'uid-db', namespace: 'shop', name: 'db', cpus: '1,3' }]);
    assert.equal(report.kubelet.cpu_manager_state.policyName, 'none');
    assert.deepEqual(report.kubelet.pluginsRegistry, ['other-reg.sock']);
    assert.deepEqual(report.readiness, ['[+]started ok', 'ready']);
    assert.deepEqual([report.nri.is, report.nri.runtime], ['absent', 'containerd v2.1.4, NRI 0.10.0']);
    assert.equal(report.node.metadata.name, 'worker');
    assert.deepEqual(
      report.resourceSlices.map(({ metadata }) => metadata.name),
      ['worker-slice'],
    );
    assert.deepEqual(report.resourceClaims, []);
    assert.equal(report.pods[0]?.spec.containers[0]?.env[0]?.name, 'DB_PASSWORD');
    assert(report.problems.some(({ part }) => part === 'NRI socket'));
  });

  it('C10: puts everything into one archive that tar reads, without secrets', async () => {
    const directory = join(root, 'out');
    const { stdout } = await gather('--output-dir', directory);
    const written = (await readdir(directory)).toSorted();
    assert.deepEqual(
      stdout.trim().split('\n').toSorted(),
      written.map((name) => join(directory, name)),
    );
    const [archive, report] = written;
    assert.match(archive ?? '', /^dracpu-gatherinfo-\d{8}-\d{6}-\d+\.tar\.gz$/);
    await run('tar', ['-xzf', join(directory, archive ?? ''), '-C', directory]);
    const base = join(directory, (archive ?? '').replace('.tar.gz', ''));
    const entries = (await readdir(base, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const files = new Map<string, string>();
    for (const { parentPath, name } of entries) {
      files.set(join(parentPath, name).slice(base.length + 1), await readFile(join(parentPath, name), 'utf8'));
    }
    assert.deepEqual([...files.keys()].toSorted(), [
      'cdi/uid-db.json',
      'driver/cpu-map.json',
      'driver/metrics.txt',
      'driver/readyz.txt',
      'kubelet/cpu_manager_state',
      'report.yaml',
      'topology.json',
      'topology.txt',
    ]);
    assert.equal(files.get('report.yaml'), await readFile(join(directory, report ?? ''), 'utf8'));
    assert.match(files.get('cdi/uid-db.json') ?? '', /DRA_CPUSET_uid-db=1,3/);
    for (const [name, text] of files) {
      for (const secret of Object.values(SECRETS)) assert(!text.includes(secret), `${secret} in ${name}`);
    }
  });

  it('works where there is neither driver nor cluster, and says so', async () => {
    const bare = await mkdtemp(join(tmpdir(), 'bare-'));
    try {
      writeMachine(bare, parseSynthetic('pack:1 core:2 pu:1'));
      // Of no driver, whichever may run on this machine.
      const options = { env: { HOST_ROOT: bare }, hostname: 'node-a', procDirectories: [], driverName: DRIVER_NAME };
      const report = (await gatherInfo(options)).report as Report;
      assert.equal(report.cpuDetails.topology.numCPUs, 2);
      assert(report.problems.some(({ part }) => part === 'API server'));
    } finally {
      await rm(bare, { recursive: true });
    }
  });

  it('is also there by the reference’s name, and with one dash', async () => {
    const path = join(root, 'dracpu-gatherinfo');
    await symlink(MAIN, path);
    const env = { ...process.env, HOST_ROOT: root };
    const { stdout } = await run(process.execPath, [path, '-stdout'], { env });
    assert.equal((parse(stdout) as Report).driverConfig.hostnameOverride, 'worker');
  });

  it('refuses --stdout together with --output-dir', async () => {
    await assert.rejects(gather('--stdout', '--output-dir=/tmp'), { code: 2, stdout: '' });
  });
});
