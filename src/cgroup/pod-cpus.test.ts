import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readPodCpus } from './pod-cpus.ts';
import { watchPodCpus } from './watch-pod-cpus.ts';

/** A host whose files are these, and what writes one more. */
function hostWith(t: TestContext, files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'dracpu-host-'));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  return { root, write, remove: (path: string) => rmSync(join(root, path), { recursive: true }) };
}

const V1 = 'sys/fs/cgroup/cpuset';
const V2 = 'sys/fs/cgroup';

const layouts: [name: string, files: Record<string, string>, want: string | undefined, where?: string[]][] = [
  ['no cgroup file system', {}, undefined],
  ['v2 without pods', { [`${V2}/cpuset.cpus.effective`]: '0-3', [`${V2}/system.slice/x`]: '' }, undefined],
  [
    'v2, cgroupfs',
    { [`${V2}/cpuset.cpus.effective`]: '0-7', [`${V2}/kubepods/cpuset.cpus.effective`]: '0-5' },
    '0-5',
    [`${V2}/kubepods`],
  ],
  [
    'v2, systemd',
    { [`${V2}/kubepods.slice/cpuset.cpus.effective`]: '2-5', [`${V2}/system.slice/a.service/cpuset.cpus`]: '' },
    '2-5',
    [`${V2}/kubepods.slice`],
  ],
  [
    'v2, systemd, below a slice of the kubelet’s own that is narrow',
    {
      [`${V2}/cpuset.cpus.effective`]: '0-7',
      [`${V2}/kubelet.slice/cpuset.cpus.effective`]: '0-3',
      [`${V2}/kubelet.slice/kubelet-kubepods.slice/cpuset.cpus.effective`]: '0-3',
    },
    '0-3',
    [`${V2}/kubelet.slice/kubelet-kubepods.slice`],
  ],
  [
    'v2, cgroupfs, below the root of the node’s container',
    { [`${V2}/docker/0123/kubepods/cpuset.cpus.effective`]: '1' },
    '1',
    [`${V2}/docker/0123/kubepods`],
  ],
  [
    'v2 without the controller below the kubelet’s slice: what that has counts',
    { [`${V2}/kubelet.slice/cpuset.cpus.effective`]: '0-3', [`${V2}/kubelet.slice/kubelet-kubepods.slice/x`]: '' },
    '0-3',
    [`${V2}/kubelet.slice/kubelet-kubepods.slice`],
  ],
  [
    'v2 without the controller at all: what the root has counts',
    { [`${V2}/cpuset.cpus.effective`]: '0-7', [`${V2}/kubepods/cgroup.procs`]: '' },
    '0-7',
    [`${V2}/kubepods`],
  ],
  [
    'v1, cgroupfs',
    { [`${V1}/kubepods/cpuset.effective_cpus`]: '0-3', [`${V1}/kubepods/cpuset.cpus`]: '0-5' },
    '0-3',
    [`${V1}/kubepods`],
  ],
  ['v1 of an old kernel, systemd', { [`${V1}/kubepods.slice/cpuset.cpus`]: '0-5' }, '0-5', [`${V1}/kubepods.slice`]],
  [
    'v1 beside v2 in the hybrid layout',
    {
      [`${V1}/kubepods/cpuset.cpus`]: '0-3',
      [`${V2}/memory/kubepods/memory.limit_in_bytes`]: '1',
      [`${V2}/unified/kubepods/cgroup.procs`]: '',
    },
    '0-3',
    [`${V1}/kubepods`],
  ],
  [
    'v1, the kubelet’s own root',
    { [`${V1}/cpuset.cpus`]: '0-7', [`${V1}/kubelet/kubepods/cpuset.cpus`]: '4-7' },
    '4-7',
    [`${V1}/kubelet/kubepods`],
  ],
  ['v1 that has no CPUs yet', { [`${V1}/cpuset.cpus`]: '0-7', [`${V1}/kubepods/cpuset.cpus`]: '' }, '0-7'],
  ['what is no CPU list', { [`${V2}/kubepods/cpuset.cpus.effective`]: 'all of them' }, undefined],
  [
    'the host’s own pods, and not those of a node within one of them',
    {
      [`${V2}/kubepods.slice/cpuset.cpus.effective`]: '0-5',
      [`${V2}/kubepods.slice/kubepods-pod1.slice/abc/kubepods/cpuset.cpus.effective`]: '0',
    },
    '0-5',
  ],
  [
    'several nodes in containers: all that any of them has',
    { [`${V2}/a/kubepods/cpuset.cpus.effective`]: '0-1', [`${V2}/b/kubepods/cpuset.cpus.effective`]: '4-5' },
    '0-1,4-5',
  ],
  ['a name that only looks like it', { [`${V2}/notkubepods/cpuset.cpus.effective`]: '0' }, undefined],
];
for (const [name, files, want, where] of layouts) {
  test(`readPodCpus: ${name}`, (t) => {
    const found = readPodCpus(hostWith(t, files).root);
    assert.equal(found?.cpus.toString(), want);
    if (where) assert.deepEqual(found?.directories, where);
  });
}

/** Makes cgroups of the kernel's own, of version 1, below one that is gone after the test; undefined where it does not let. */
function makeRealCgroup(t: TestContext): string | undefined {
  const parent = join('/sys/fs/cgroup/cpuset', `dracpu-test-${process.pid}`);
  const pods = join(parent, 'kubepods');
  try {
    mkdirSync(parent);
    t.after(() => {
      if (existsSync(pods)) rmdirSync(pods);
      rmdirSync(parent);
    });
    writeFileSync(join(parent, 'cpuset.cpus'), readFileSync('/sys/fs/cgroup/cpuset/cpuset.cpus'));
    mkdirSync(pods);
    writeFileSync(join(pods, 'cpuset.cpus'), '0');
    return parent;
  } catch {
    return undefined;
  }
}

test('readPodCpus agrees with the kernel on what a container can have', (t) => {
  const parent = makeRealCgroup(t);
  if (parent === undefined) return t.skip('no cgroup can be made here');
  const { root } = hostWith(t, { 'sys/fs/cgroup/x': '' });
  symlinkSync(parent, join(root, V1));
  assert.equal(readPodCpus(root)?.cpus.toString(), '0');
  const container = join(parent, 'kubepods', 'container');
  mkdirSync(container);
  try {
    assert.throws(() => writeFileSync(join(container, 'cpuset.cpus'), '0-1'), { code: 'EACCES' });
    writeFileSync(join(container, 'cpuset.cpus'), '0');
  } finally {
    rmdirSync(container);
  }
});

test('readPodCpus looks through a bounded number of cgroups', (t) => {
  const { root } = hostWith(t, { [`${V2}/a/b/kubepods/cpuset.cpus.effective`]: '0-3' });
  assert.equal(readPodCpus(root)?.cpus.toString(), '0-3');
  // With so many beside it the search ends before the third level.
  for (let index = 0; index < 4_200; index += 1) mkdirSync(join(root, V2, `s${index}`));
  assert.equal(readPodCpus(root), undefined);
});

test('watchPodCpus tells of each change, and finds pods that were not there at first', (t) => {
  const { root, write, remove } = hostWith(t, { [`${V2}/cpuset.cpus.effective`]: '0-7' });
  const told: string[] = [];
  let poll = () => {};
  const end = watchPodCpus({
    hostRoot: root,
    known: readPodCpus(root),
    onChange: (now, before) => void told.push(`${before?.cpus ?? 'none'} -> ${now?.cpus ?? 'none'}`),
    schedule: (round, intervalMs) => {
      assert.equal(intervalMs, 5_000);
      poll = round;
      return () => (poll = () => {});
    },
  });
  const minute = () => {
    for (let round = 0; round < 12; round += 1) poll();
  };
  minute();
  assert.deepEqual(told, []);
  write(`${V2}/kubepods/cpuset.cpus.effective`, '0-5');
  minute();
  assert.deepEqual(told, ['none -> 0-5']);
  write(`${V2}/kubepods/cpuset.cpus.effective`, '0-3');
  poll();
  poll();
  assert.deepEqual(told.splice(0), ['none -> 0-5', '0-5 -> 0-3']);
  remove(`${V2}/kubepods`);
  poll();
  assert.deepEqual(told.splice(0), ['0-3 -> none']);
  end();
  write(`${V2}/kubepods/cpuset.cpus.effective`, '0');
  minute();
  assert.deepEqual(told, []);
});
