import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCpuList } from '../cpuset/parse.ts';
import { silentLog } from '../lib/log.ts';
import { Readiness } from '../daemon/readiness.ts';
import { checkCpuManagerState } from './cpu-manager.ts';
import { taintFor } from './finding.ts';
import { checkPodsCgroup } from './pods-cgroup.ts';
import { Preflight, type PreflightPorts } from './preflight.ts';
import { readCurrentFile } from './read-current-file.ts';
import { checkReservedCpus } from './reserved-cpus.ts';

const PATH = '/var/lib/kubelet/cpu_manager_state';
const NONE = '{"policyName":"none","defaultCpuSet":"","checksum":1353318690}';
const STATIC = '{"policyName":"static","defaultCpuSet":"0-7","entries":{},"checksum":14413152}';

const node = (capacity: string, allocatable: string) => ({
  status: { capacity: { cpu: capacity }, allocatable: { cpu: allocatable } },
});

test('C3: checkCpuManagerState names the kubelet’s static policy and the remedy', () => {
  assert.equal(checkCpuManagerState(PATH, NONE), undefined);
  assert.deepEqual(checkCpuManagerState(PATH, STATIC), {
    check: 'kubelet-cpu-manager',
    severity: 'error',
    message:
      'The kubelet\'s own CPU manager moves containers too: its policy is "static" (/var/lib/kubelet/cpu_manager_state), want ' +
      '"none"; set cpuManagerPolicy: "none" in the kubelet\'s configuration, delete the state file and restart the kubelet',
  });
  for (const text of ['', '{', 'null', '[]', '{"policyName":1}']) {
    assert.equal(checkCpuManagerState(PATH, text)?.severity, 'warning', text);
  }
});

test('C4: checkReservedCpus tells both numbers when driver and kubelet set unlike numbers aside', () => {
  const cases: [reserved: string, capacity: string, allocatable: string, told: RegExp | undefined][] = [
    ['', '24', '24', undefined],
    ['', '24', '23500m', undefined],
    ['0', '24', '23', undefined],
    ['0', '24', '23500m', undefined],
    ['0-1', '24', '22', undefined],
    ['0', '24', '24', /1 CPU aside \(0\), the Node's capacity less allocatable is 0 \(24 - 24\)/],
    ['', '24', '23', /sets no CPU aside, the Node's capacity less allocatable is 1 \(24 - 23\)/],
    ['0-3', '64', '61500m', /4 CPUs aside \(0-3\), the Node's capacity less allocatable is 2500m \(64 - 61500m\)/],
  ];
  for (const [reserved, capacity, allocatable, told] of cases) {
    const finding = checkReservedCpus(parseCpuList(reserved), node(capacity, allocatable));
    if (told) assert.match(finding?.message ?? '', told);
    else assert.equal(finding, undefined, `${reserved} of ${capacity} - ${allocatable}`);
  }
});

test('checkReservedCpus says nothing about a Node without CPUs in its status', () => {
  for (const object of [undefined, {}, { status: {} }, node('many', '1')]) {
    assert.equal(checkReservedCpus(parseCpuList('0-3'), object), undefined);
  }
});

/** A node whose state file and Node object tests change. */
function fixture() {
  const state = {
    file: NONE as string | Error,
    node: node('8', '8') as object | Error,
    pods: undefined as string | undefined,
  };
  const give = async <T>(value: T | Error): Promise<T> => {
    if (value instanceof Error) throw value;
    return value;
  };
  const lines: string[] = [];
  const write =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void lines.push(`${level} ${message} ${Object.values(fields)[0]}`);
  const readiness = new Readiness(() => 0);
  const ports: PreflightPorts = {
    cpuManagerStatePath: PATH,
    readFile: () => give(state.file),
    fetchNode: () => give(state.node),
    readReserved: () => parseCpuList(''),
    readPods: () => ({
      online: parseCpuList('0-7'),
      podCpus: state.pods === undefined ? undefined : { cpus: parseCpuList(state.pods), directories: ['kubepods'] },
    }),
    readiness,
    onChange: () => void lines.push('change'),
    log: { ...silentLog, error: write('error'), warn: write('warn'), info: write('info') },
  };
  const isHeld = () => readiness.readConditions().find(({ name }) => name === 'cpu-manager-off')?.ok;
  return { state, lines, isHeld, preflight: new Preflight(ports) };
}

test('Preflight makes the static policy a failing condition, tells it once, and ends it', async () => {
  const { state, lines, isHeld, preflight } = fixture();
  assert.equal(isHeld(), false);
  await preflight.run();
  assert.equal(isHeld(), true);
  state.file = STATIC;
  await preflight.run();
  await preflight.run();
  assert.equal(isHeld(), false);
  assert.deepEqual(
    preflight.findings.map(({ check, severity }) => [check, severity]),
    [['kubelet-cpu-manager', 'error']],
  );
  assert.deepEqual(taintFor(preflight.findings), [
    { key: 'dra.cpu/conflict', value: 'kubelet-cpu-manager', effect: 'NoSchedule' },
  ]);
  state.file = NONE;
  await preflight.run();
  assert.equal(isHeld(), true);
  assert.deepEqual(preflight.findings, []);
  assert.deepEqual(lines, [
    'error preflight check failed kubelet-cpu-manager',
    'change',
    'info preflight check passes again kubelet-cpu-manager',
    'change',
  ]);
});

test('Preflight takes an absent state file for no CPU manager, and keeps its result over other failures', async () => {
  const { state, lines, isHeld, preflight } = fixture();
  state.file = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  state.node = node('8', '6');
  await preflight.run();
  assert.equal(isHeld(), true);
  state.node = new Error('connection refused');
  await preflight.run();
  assert.deepEqual(
    preflight.findings.map(({ check }) => check),
    ['reserved-cpus'],
  );
  assert.deepEqual(lines, ['warn preflight check failed reserved-cpus', 'change']);
  assert.deepEqual(taintFor(preflight.findings), []);
});

test('checkPodsCgroup names the CPUs that containers cannot have, the cgroup, and the remedy (issue 13, line 11)', () => {
  const online = parseCpuList('0-7');
  const check = (cpus: string, reserved = '') =>
    checkPodsCgroup({
      podCpus: { cpus: parseCpuList(cpus), directories: ['sys/fs/cgroup/kubepods.slice'] },
      online,
      reserved: parseCpuList(reserved),
    });
  assert.equal(checkPodsCgroup({ podCpus: undefined, online, reserved: parseCpuList('') }), undefined);
  for (const [cpus, reserved] of [
    ['0-7', ''],
    ['0-15', ''],
    ['2-7', '0-1'],
    ['2-7', '0-3'],
  ] as const) {
    assert.equal(check(cpus, reserved), undefined);
  }
  const { severity, message = '' } = check('2-5', '0') ?? {};
  assert.equal(severity, 'warning');
  assert.match(
    message,
    /^Containers cannot have CPUs 1,6-7 of this machine: .*"\/sys\/fs\/cgroup\/kubepods\.slice", has CPUs 2-5 alone/,
  );
  assert.match(message, /AllowedCPUs .*cpuset\.cpus .*add them to reservedCPUs$/);
  assert.match(check('0-6')?.message ?? '', /^Containers cannot have CPU 7 of/);
});

test('Preflight looks at the cgroup of pods, also by itself after the machine has changed', async () => {
  const { state, lines, preflight } = fixture();
  state.pods = '0-5';
  await preflight.run();
  assert.deepEqual(
    preflight.findings.map(({ check, severity }) => [check, severity]),
    [['pods-cgroup', 'warning']],
  );
  assert.deepEqual(taintFor(preflight.findings), []);
  state.pods = '0-7';
  preflight.lookAtPods();
  assert.deepEqual(preflight.findings, []);
  assert.deepEqual(lines, [
    'warn preflight check failed pods-cgroup',
    'change',
    'info preflight check passes again pods-cgroup',
    'change',
  ]);
});

test('readCurrentFile takes a file that was replaced on the host for absent', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'preflight-'));
  context.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'cpu_manager_state');
  await writeFile(path, NONE);
  assert.equal(await readCurrentFile(path), NONE);
  // Through /proc a file can be opened that has no name any more, as it is through the mount of a single file.
  const held = await open(path);
  context.after(() => held.close());
  await rm(path);
  await assert.rejects(readCurrentFile(`/proc/self/fd/${held.fd}`), { code: 'ENOENT' });
  await assert.rejects(readCurrentFile(path), { code: 'ENOENT' });
});
