import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ApiServer } from '../embedded/apiserver/api-server.ts';
import { writeKubeconfig } from '../embedded/apiserver/kubeconfig.ts';
import { Scheduler } from '../embedded/scheduler/scheduler.ts';

const isInstalled = spawnSync('kubectl', ['version', '--client']).status === 0;
const skip = isInstalled ? false : 'no kubectl in PATH';

const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, status: { allocatable: { cpu: '8' } } };
const DEVICE_CLASS = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  metadata: { name: 'dra.cpu' },
  spec: { selectors: [{ cel: { expression: 'device.driver == "dra.cpu"' } }] },
};
const SLICE = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name: '00000-dra.cpu-n1' },
  spec: {
    driver: 'dra.cpu',
    nodeName: 'n1',
    pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
    devices: [
      {
        name: 'cpudevnuma000',
        allowMultipleAllocations: true,
        attributes: { 'dra.cpu/numaNodeID': { int: 0 } },
        capacity: { 'dra.cpu/cpu': { value: '4' } },
      },
    ],
  },
};

function claim(name: string, cpus: number): object {
  const exactly = { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': cpus } } };
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name },
    spec: { devices: { requests: [{ name: 'cpu', exactly }] } },
  };
}

function pod(name: string, claimName: string): object {
  const container = { name: 'main', image: 'busybox', resources: { claims: [{ name: 'cpu' }] } };
  const resourceClaims = [{ name: 'cpu', resourceClaimName: claimName }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { resourceClaims, containers: [container] } };
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

describe('kubectl against the embedded API server', { skip, timeout: 60_000 }, () => {
  let server: ApiServer;
  let scheduler: Scheduler;
  let directory: string;

  before(async () => {
    server = await ApiServer.start();
    scheduler = Scheduler.start(server.store);
    directory = await mkdtemp(join(tmpdir(), 'kubectl-'));
    await writeKubeconfig(join(directory, 'kubeconfig'), { server: server.url });
  });
  after(async () => {
    scheduler.stop();
    await server.stop();
    await rm(directory, { recursive: true });
  });

  const environment = () => ({ ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory });

  function run(args: readonly string[], stdin = ''): Promise<Outcome> {
    return new Promise((resolve) => {
      const child = execFile('kubectl', args, { env: environment(), timeout: 20_000 }, (error, stdout, stderr) => {
        resolve({ stdout, stderr, code: error ? 1 : 0 });
      });
      child.stdin?.end(stdin);
    });
  }

  /** Runs kubectl with objects on its standard input; it must succeed. */
  async function kubectl(command: string, ...objects: object[]): Promise<string> {
    const outcome = await run(command.split(' '), objects.map((object) => stringify(object)).join('---\n'));
    assert.equal(outcome.code, 0, `kubectl ${command}: ${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Lines of a table as lists of cells. */
  async function table(command: string): Promise<string[][]> {
    const lines = (await kubectl(command)).trimEnd().split('\n');
    return lines.map((line) => line.split(/\s{2,}/).map((cell) => cell.trim()));
  }

  it('creates objects, and refuses unknown fields', async () => {
    const created = await kubectl('create -f -', NODE, DEVICE_CLASS, SLICE, claim('db', 3), pod('db', 'db'));
    assert.match(created, /resourceslice.resource.k8s.io\/00000-dra.cpu-n1 created/);
    const mistyped = await run(['create', '-f', '-'], stringify({ ...claim('x', 1), specs: {} }));
    assert.equal(mistyped.code, 1);
    assert.match(mistyped.stderr, /unknown field "specs"/);
  });

  it('gets tables', async () => {
    await kubectl('wait --for=jsonpath={.spec.nodeName}=n1 pod/db --timeout=10s');
    assert.deepEqual(
      (await table('get pods -o wide')).map((row) => row.slice(0, 4)),
      [
        ['NAME', 'READY', 'STATUS', 'RESTARTS'],
        ['db', '0/1', 'Pending', '0'],
      ],
    );
    assert.deepEqual(
      (await table('get resourceclaims')).map((row) => row.slice(0, 2)),
      [
        ['NAME', 'STATE'],
        ['db', 'allocated,reserved'],
      ],
    );
    assert.deepEqual(
      (await table('get resourceslices')).map((row) => row.slice(0, 4)),
      [
        ['NAME', 'NODE', 'DRIVER', 'POOL'],
        ['00000-dra.cpu-n1', 'n1', 'dra.cpu', 'n1'],
      ],
    );
    assert.match(await kubectl('get ns,no,deviceclasses'), /deviceclass.resource.k8s.io\/dra.cpu/);
  });

  it('gets YAML and JSON', async () => {
    const yaml = await kubectl('get resourceclaim db -o yaml');
    assert.match(yaml, /^apiVersion: resource.k8s.io\/v1$/m);
    assert.match(yaml, /dra.cpu\/cpu: "3"/);
    const list = JSON.parse(await kubectl('get pods -A -o json')) as { items: { kind: string }[] };
    assert.deepEqual(
      list.items.map(({ kind }) => kind),
      ['Pod'],
    );
  });

  it('describes objects with their events', async () => {
    assert.match(await kubectl('describe pod db'), /Scheduled .*Successfully assigned default\/db to n1/);
    assert.match(await kubectl('describe resourceclaim db'), /Consumed Capacity:\s+dra.cpu\/cpu:\s+3/);
    assert.match(await kubectl('describe node n1'), /default\s+db/);
    assert.match(await kubectl('describe resourceslice 00000-dra.cpu-n1'), /cpudevnuma000/);
  });

  it('applies, replaces and shows differences', async () => {
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { a: '1' } };
    assert.match(await kubectl('apply -f -', configMap), /created/);
    assert.match(await kubectl('apply -f -', { ...configMap, data: { a: '1' } }), /unchanged/);
    assert.match(await kubectl('apply -f -', { ...configMap, data: { b: '2' } }), /configured/);
    assert.equal(await kubectl('get configmap settings -o jsonpath={.data}'), '{"b":"2"}');
    await kubectl('replace -f -', { ...configMap, data: { c: '3' } });
    assert.equal(await kubectl('get configmap settings -o jsonpath={.data}'), '{"c":"3"}');
    await kubectl('apply --server-side --force-conflicts -f -', { ...configMap, data: { d: '4' } });
    assert.match(await kubectl('get configmap settings --show-managed-fields -o yaml'), /operation: Apply/);
  });

  it('labels, annotates and patches', async () => {
    await kubectl('label pod db tier=back');
    await kubectl('annotate resourceclaim db note=mine');
    await kubectl('patch pod db -p {"metadata":{"labels":{"team":"shop"}}}');
    await kubectl('patch pod db --type=merge -p {"metadata":{"labels":{"tier":null}}}');
    await kubectl('patch pod db --type=json -p [{"op":"add","path":"/metadata/labels/zone","value":"a"}]');
    assert.equal(
      await kubectl('get pods -l team=shop -o jsonpath={.items[0].metadata.labels}'),
      '{"team":"shop","zone":"a"}',
    );
    assert.match((await run(['get', 'pods', '-l', 'tier'])).stderr, /No resources found/);
  });

  it('shows why a pod is pending', async () => {
    await kubectl('create -f -', claim('big', 2), pod('big', 'big'));
    await kubectl('wait --for=condition=PodScheduled=false pod/big --timeout=10s');
    assert.match(
      await kubectl('events --for pod/big'),
      /FailedScheduling.*0\/1 nodes are available.*room for 2 dra.cpu\/cpu/,
    );
  });

  it('watches', async () => {
    const watching = spawn('kubectl', ['get', 'pods', '--watch', '--output-watch-events'], { env: environment() });
    const lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
    const nextAbout = async (text: RegExp): Promise<void> => {
      for (let line = await lines.next(); line.done !== true; line = await lines.next())
        if (text.test(line.value)) return;
      assert.fail(`the watch ended before ${text}`);
    };
    try {
      await nextAbout(/ADDED +big/);
      await kubectl('delete pod db --force');
      await nextAbout(/DELETED +db/);
    } finally {
      watching.kill();
    }
  });

  it('deletes, and the next pod gets the room', async () => {
    await kubectl('wait --for=condition=PodScheduled pod/big --timeout=10s');
    assert.match(await kubectl('delete resourceslice --all'), /"00000-dra.cpu-n1" deleted/);
    assert.match((await run(['get', 'resourceslice', '00000-dra.cpu-n1'])).stderr, /Error from server \(NotFound\)/);
    await kubectl('create namespace shop');
    await kubectl('create configmap inside -n shop --from-literal=a=b');
    assert.equal(await kubectl('get configmap inside -n shop -o jsonpath={.data.a}'), 'b');
    await kubectl('delete namespace shop --timeout=10s');
    assert.match((await run(['get', 'namespace', 'shop'])).stderr, /NotFound/);
  });

  it('explains fields and lists resources', async () => {
    assert.match(await kubectl('explain resourceslice.spec.devices.capacity'), /requestPolicy/);
    assert.match(await kubectl('api-resources'), /resourceclaimtemplates .*resource.k8s.io\/v1/);
    assert.match(await kubectl('get all'), /^big /m);
  });
});
