/** `dracpu plan` as a program: what it prints, its exit codes, and a batch over all vectors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const vectors = fileURLToPath(new URL('../../../shared/vectors/placement/', import.meta.url));
const skip = existsSync(vectors) ? false : `no vectors at ${vectors}`;

const folder = mkdtempSync(join(tmpdir(), 'placement-plan-'));
after(() => rmSync(folder, { recursive: true }));

/** One socket with two L3 caches of two cores with two threads. */
const machine = join(folder, 'machine.json');
const cpus = Array.from({ length: 8 }, (_, cpu) => ({
  cpu,
  core: cpu % 4,
  socket: 0,
  numaNode: 0,
  l3Cache: (cpu % 4) >> 1,
}));
writeFileSync(machine, JSON.stringify({ cpus }));

function runPlan(args: readonly string[], input = '') {
  const script = `
    import { Command } from 'commander';
    import { addPlanCommand } from ${JSON.stringify(new URL('../../src/cli/plan-command.ts', import.meta.url).href)};
    const program = new Command('dracpu');
    addPlanCommand(program);
    await program.parseAsync(process.argv.slice(1), { from: 'user' });`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script, 'plan', ...args], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 26,
  });
}

test('dracpu plan prints the choice, the reason and the picture', () => {
  const { status, stdout } = runPlan(['--topology', machine, '--taken', '0', '--cpus', '3']);
  assert.equal(status, 0);
  assert.equal(
    stdout,
    [
      '1,4-5',
      'Why: best fit as the kubelet makes it: the fullest domain that can hold the request, whole cores before single threads.',
      'Touches 1 socket, 1 NUMA node, 1 L3 cache, 2 cores, 0 broken cores.',
      '',
      'socket 0  node 0  L3 0 | x# ##',
      'socket 0  node 0  L3 1 | .. ..',
      '',
    ].join('\n'),
  );
});

for (const [, command = '', output] of readFileSync('docs/concepts/placement.md', 'utf8').matchAll(
  /```console\n\$ dracpu plan ([^\n]*)\n(.*?)```/gs,
)) {
  test(`dracpu plan ${command} prints what docs/concepts/placement.md shows`, () => {
    const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    assert.equal(runPlan(args).stdout, output);
  });
}

for (const [args, status, message] of [
  [['--cpus', '9'], 1, 'Cannot choose 9 CPUs: 8 are free'],
  [['--cpus', '3', '--policy', 'full-cores'], 1, 'Cannot choose 3 CPUs in whole cores'],
  [['--cpuset', '6-9'], 1, 'Cannot take CPUs 6-9: this machine has no 8-9; it has 0-7'],
  [[], 2, 'Cannot plan: neither --cpus nor --cpuset is given'],
  [['--cpus', '1', '--pcie-root', 'pci0000:00'], 2, 'the machine has none'],
] as const) {
  test(`dracpu plan ${args.join(' ')} ends with ${status}`, () => {
    const run = runPlan(['--topology', machine, ...args]);
    assert.deepEqual([run.status, run.stdout], [status, '']);
    assert.ok(run.stderr.includes(message), run.stderr);
  });
}

test('dracpu plan --batch answers every vector in order', { skip }, () => {
  const cases = readFileSync(join(vectors, 'cases.jsonl'), 'utf8');
  const run = runPlan(['--batch', '--topologies', join(vectors, 'topologies.json')], cases);
  assert.deepEqual([run.status, run.stderr], [0, '']);
  const ids = (lines: string) =>
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id);
  assert.deepEqual(ids(run.stdout), ids(cases));
});

test('dracpu plan --batch answers lines that are no cases, and refuses files that are no machines', () => {
  const topologies = join(folder, 'topologies.json');
  writeFileSync(topologies, JSON.stringify({ small: { cpus } }));
  const run = runPlan(
    ['--batch', '--topologies', topologies],
    'x\n{"id":1,"topology":"large","free":"0","cpus":1,"policy":"packed"}\n',
  );
  const codes = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error.code);
  assert.deepEqual([run.status, codes], [0, ['InvalidCase', 'UnknownTopology']]);
  const refused = runPlan(['--batch', '--topologies', join(folder, 'none.json')], '');
  assert.deepEqual([refused.status, refused.stdout], [1, '']);
  assert.match(refused.stderr, /is not a readable JSON file/);
});

test('dracpu plan --batch ends quietly when its reader has enough', { skip }, () => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const plan = `"${process.execPath}" "${main}" plan --batch --topologies "${join(vectors, 'topologies.json')}"`;
  const cases = `"${join(vectors, 'cases.jsonl')}"`;
  const run = spawnSync('sh', ['-c', `cat ${cases} ${cases} ${cases} | ${plan} | head -n 1`], { encoding: 'utf8' });
  assert.deepEqual([run.status, run.stderr, run.stdout.split('\n').length], [0, '', 2]);
});
