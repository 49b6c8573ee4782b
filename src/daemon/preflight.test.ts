import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCpuList } from '../cpuset/parse.ts';
import { silentLog } from '../lib/log.ts';
import { Preflight, type PreflightPorts, readCurrentFile } from './preflight.ts';
import { checkCpuManagerState, checkReservedCpus, taintFor } from './preflight-checks.ts';
import { Readiness } from './readiness.ts';

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
    ['0', '24', '24', /1 CPUs aside \(0\), the Node's capacity less allocatable is 0 \(24 - 24\)/],
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
  const state = { file: NONE as string | Error, node: node('8', '8') as object | Error };
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
