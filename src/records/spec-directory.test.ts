import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimSpecFileName } from './cdi-spec.ts';
import { SpecDirectory } from './spec-directory.ts';

const record = (uid: string) => ({ uid, cpus: '1-2', namespace: 'shop', name: uid, assignments: [] });

async function withDirectory(use: (path: string, specs: SpecDirectory) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'cdi-'));
  try {
    await use(path, new SpecDirectory(path));
  } finally {
    await rm(path, { recursive: true });
  }
}

test('SpecDirectory writes whole files, reads them back and removes them', () =>
  withDirectory(async (path, specs) => {
    await Promise.all(['a', 'b', 'c'].map((uid) => specs.write(record(uid))));
    await specs.write({ ...record('a'), cpus: '5' });
    assert.deepEqual((await readdir(path)).sort(), ['a', 'b', 'c'].map(claimSpecFileName));
    const { records, damaged } = await specs.readAll();
    assert.deepEqual(
      records.map(({ uid, cpus }) => `${uid}=${cpus}`),
      ['a=5', 'b=1-2', 'c=1-2'],
    );
    assert.deepEqual(damaged, []);
    await specs.remove('a');
    await specs.remove('a');
    assert.equal((await readdir(path)).length, 2);
  }));

test('SpecDirectory.remove fails for a file that is there, not for one that is not, where nothing can be removed', () =>
  withDirectory(async (path, specs) => {
    await mkdir(join(path, claimSpecFileName('stays')));
    await assert.rejects(specs.remove('stays'), { name: 'SpecDirectoryError' });
    await writeFile(join(path, 'file'), '');
    await new SpecDirectory(join(path, 'file')).remove('a');
  }));

test('SpecDirectory.readAll R4: moves a damaged file aside, drops half-written ones and leaves other vendors alone', () =>
  withDirectory(async (path, specs) => {
    await specs.write(record('good'));
    await writeFile(join(path, claimSpecFileName('torn')), '{"cdiVersion"');
    await writeFile(join(path, 'vendor.com-gpu.json'), '{');
    await writeFile(join(path, 'dra.k8s.io-cpu_claim-x.json.1234.dracpu-tmp'), '{');
    const { records, damaged } = await specs.readAll();
    assert.deepEqual(
      records.map(({ uid }) => uid),
      ['good'],
    );
    assert.equal(damaged.length, 1);
    assert.equal(damaged[0]?.uid, 'torn');
    assert.equal(await readFile(damaged[0]?.movedTo ?? '', 'utf8'), '{"cdiVersion"');
    const left = await readdir(path);
    assert.ok(left.includes('vendor.com-gpu.json'));
    assert.ok(!left.some((name) => name.endsWith('.dracpu-tmp') || name === claimSpecFileName('torn')));
  }));

test('SpecDirectory.readAll P6: after a crash in the middle of a write there is the old file or the new one, never half of one', () =>
  withDirectory(async (path, specs) => {
    await specs.write(record('a'));
    const file = join(path, claimSpecFileName('a'));
    const next = (await readFile(file, 'utf8')).replaceAll('1-2', '5-6');
    // What a driver that is killed between write and rename leaves: its temporary file, whole or not.
    for (const text of [next.slice(0, next.length / 2), next]) {
      await writeFile(`${file}.1234abcd.dracpu-tmp`, text);
      const { records, damaged } = await specs.readAll();
      assert.deepEqual([records.map(({ cpus }) => cpus), damaged], [['1-2'], []]);
      assert.deepEqual(await readdir(path), [claimSpecFileName('a')]);
    }
  }));

test('SpecDirectory.readAll R11: reads files of a later release of the same version, and the reference can read ours', () =>
  withDirectory(async (path, specs) => {
    await specs.write(record('a'));
    const file = join(path, claimSpecFileName('a'));
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('{\\"version\\":1', '{\\"version\\":1,\\"addedLater\\":true'));
    const { records, damaged } = await specs.readAll();
    assert.deepEqual([records.map(({ uid, cpus }) => `${uid}=${cpus}`), damaged], [['a=1-2'], []]);
    // A claim with more wishes is no other version: a release that does not know them reads the rest.
    await specs.write({ ...record('a'), memoryNodes: '1', sharedCPUs: true });
    const bound = JSON.parse(await readFile(file, 'utf8')) as { annotations: Record<string, string> };
    const { memoryNodes, sharedCPUs, ...known } = JSON.parse(bound.annotations['dra.cpu/record'] ?? '') as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [memoryNodes, sharedCPUs, known],
      ['1', true, { version: 1, namespace: 'shop', name: 'a', assignments: [] }],
    );
    // The reference looks for its kind, the device of the claim and the variable.
    const { kind, devices } = JSON.parse(text) as { kind: string; devices: object[] };
    assert.equal(kind, 'dra.k8s.io/cpu');
    assert.deepEqual(devices, [{ name: 'claim-a', containerEdits: { env: ['DRA_CPUSET_a=1-2'] } }]);
  }));

test('SpecDirectory.readAll keeps the CPUs of a later driver’s file, whatever its record says', () =>
  withDirectory(async (path, specs) => {
    await specs.write(record('new'));
    const file = join(path, claimSpecFileName('new'));
    const text = (await readFile(file, 'utf8')).replace('{\\"version\\":1', '{\\"version\\":9');
    await writeFile(file, text);
    assert.deepEqual(await specs.readAll(), { records: [{ uid: 'new', cpus: '1-2' }], damaged: [] });
    assert.equal(await readFile(file, 'utf8'), text);
  }));

test('SpecDirectory.write makes the directory again when somebody removed it', () =>
  withDirectory(async (path, specs) => {
    await rm(path, { recursive: true });
    await specs.write(record('a'));
    assert.deepEqual(await readdir(path), [claimSpecFileName('a')]);
  }));

test('SpecDirectory names the path and the remedy when it cannot write', async () => {
  const specs = new SpecDirectory('/dev/null/cdi');
  await assert.rejects(specs.write(record('a')), { name: 'SpecDirectoryError', code: 'ENOTDIR', message: /--cdi-dir/ });
  await assert.rejects(specs.readAll(), { name: 'SpecDirectoryError' });
});
