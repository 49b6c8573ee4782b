import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCgroupsPath, parseProcCgroup, readContainerCpuset } from './container-cpuset.ts';

/** A host whose files are these. */
async function hostWith(context: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'dracpu-host-'));
  context.after(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

const POD = 'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice';

test('parseProcCgroup prefers the hierarchy that has the cpuset controller', () => {
  const hybrid = '12:cpuset:/kubepods/pod1/abc\n11:cpu,cpuacct:/x\n0::/unified/abc\n';
  assert.deepEqual(parseProcCgroup(hybrid), { version: 1, path: '/kubepods/pod1/abc' });
  assert.deepEqual(parseProcCgroup('3:cpu,cpuset:/a\n0::/b\n'), { version: 1, path: '/a' });
  assert.deepEqual(parseProcCgroup('0::/b\n1:name=systemd:/c\n'), { version: 2, path: '/b' });
  assert.equal(parseProcCgroup('0::/../../kubepods/abc\n'), undefined);
  assert.equal(parseProcCgroup(''), undefined);
});

test('parseCgroupsPath reads both cgroup drivers', () => {
  assert.equal(parseCgroupsPath(''), undefined);
  assert.equal(parseCgroupsPath('/kubepods/burstable/pod1/abc'), '/kubepods/burstable/pod1/abc');
  assert.equal(
    parseCgroupsPath('kubepods-burstable-pod1_2.slice:cri-containerd:abc'),
    `/${POD}/cri-containerd-abc.scope`,
  );
  assert.equal(parseCgroupsPath('system.slice:crio:abc'), '/system.slice/crio-abc.scope');
});

const layouts: [name: string, clues: { pid?: number; cgroupsPath?: string }, files: Record<string, string>][] = [
  [
    'v2, cgroupfs, found by its process, below which it made cgroups',
    { pid: 7 },
    {
      'proc/7/cgroup': '0::/kubepods/pod1/abc/init.scope\n',
      'sys/fs/cgroup/kubepods/pod1/abc/cpuset.cpus': '4-6\n',
      'sys/fs/cgroup/kubepods/pod1/abc/cpuset.cpus.effective': '4,6\n',
      'sys/fs/cgroup/kubepods/pod1/abc/init.scope/cpuset.cpus': '\n',
    },
  ],
  [
    'v2, systemd, found by its process',
    { pid: 7 },
    {
      'proc/7/cgroup': `0::/${POD}/cri-containerd-abc.scope\n`,
      [`sys/fs/cgroup/${POD}/cri-containerd-abc.scope/cpuset.cpus`]: '4-6',
      [`sys/fs/cgroup/${POD}/cri-containerd-abc.scope/cpuset.cpus.effective`]: '4,6',
    },
  ],
  [
    'v2, systemd, found by what the runtime says because the process is of another namespace',
    { pid: 7, cgroupsPath: 'kubepods-burstable-pod1_2.slice:cri-containerd:abc' },
    {
      'proc/7/cgroup': '0::/system.slice/sshd.service\n',
      [`sys/fs/cgroup/${POD}/cri-containerd-abc.scope/cpuset.cpus`]: '4-6',
      [`sys/fs/cgroup/${POD}/cri-containerd-abc.scope/cpuset.cpus.effective`]: '4,6',
    },
  ],
  [
    'v1, cgroupfs, found by its process',
    { pid: 7 },
    {
      'proc/7/cgroup': '9:cpuset:/kubepods/pod1/abc\n0::/kubepods/pod1/abc\n',
      'sys/fs/cgroup/cpuset/kubepods/pod1/abc/cpuset.cpus': '4-6',
      'sys/fs/cgroup/cpuset/kubepods/pod1/abc/cpuset.effective_cpus': '4,6',
    },
  ],
  [
    'v1, found by what the runtime says before it has a process',
    { cgroupsPath: '/kubepods/pod1/abc' },
    {
      'sys/fs/cgroup/cpuset/kubepods/pod1/abc/cpuset.cpus': '4-6',
      'sys/fs/cgroup/cpuset/kubepods/pod1/abc/cpuset.effective_cpus': '4,6',
    },
  ],
];
for (const [name, clues, files] of layouts) {
  test(`readContainerCpuset: ${name}`, async (context) => {
    const root = await hostWith(context, files);
    const found = await readContainerCpuset(root, { id: 'abc', pid: undefined, cgroupsPath: '', ...clues });
    assert.deepEqual([found?.configured.toString(), found?.effective.toString()], ['4-6', '4,6']);
  });
}

for (const [version, directory, effective] of [
  [1, 'sys/fs/cgroup/cpuset/kubepods/abc', 'cpuset.effective_mems'],
  [2, 'sys/fs/cgroup/kubepods/abc', 'cpuset.mems.effective'],
] as const) {
  test(`readContainerCpuset reads the NUMA nodes of its memory, v${version}`, async (context) => {
    const cpus = { [`${directory}/cpuset.cpus`]: '4-6\n' };
    const clues = { id: 'abc', pid: undefined, cgroupsPath: '/kubepods/abc' };
    const root = await hostWith(context, {
      ...cpus,
      [`${directory}/cpuset.mems`]: '1\n',
      [`${directory}/${effective}`]: '0-1\n',
    });
    const { memoryNodes } = (await readContainerCpuset(root, clues)) ?? {};
    assert.deepEqual([`${memoryNodes?.configured}`, `${memoryNodes?.effective}`], ['1', '0-1']);
    const bare = await readContainerCpuset(await hostWith(context, cpus), clues);
    assert.deepEqual([`${bare?.configured}`, bare?.memoryNodes], ['4-6', undefined]);
  });
}

test('readContainerCpuset finds nothing of a container that has ended', async (context) => {
  const root = await hostWith(context, { 'proc/7/cgroup': '0::/kubepods/other\n' });
  const clues = { id: 'abc', cgroupsPath: '/kubepods/pod1/abc' };
  assert.equal(await readContainerCpuset(root, { ...clues, pid: 7 }), undefined);
  assert.equal(await readContainerCpuset(root, { ...clues, pid: 8 }), undefined);
});
