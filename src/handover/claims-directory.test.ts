import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../lib/testing/eventually.ts';
import { takeClaimsDirectory } from './claims-directory.ts';

const UIDS = ['a', 'b', 'c'];

/** An empty directory of a driver, removed after the test. */
async function temporaryParent(context: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'claims-'));
  context.after(() => rm(root, { recursive: true, force: true }));
  return join(root, 'plugins/dra.cpu');
}

const write = (directory: string, uid: string, text = uid) => writeFile(join(directory, `${uid}.json`), text);

async function claimsNames(parent: string): Promise<string[]> {
  return (await readdir(parent)).filter((name) => name.startsWith('claims'));
}

test('takeClaimsDirectory creates one directory below a parent that is missing, and keeps its records under a new name', async (t) => {
  const parent = await temporaryParent(t);
  const first = await takeClaimsDirectory(parent);
  assert.equal((await lstat(first.path)).mode & 0o007, 0, 'other users cannot look in');
  await write(first.path, 'a');
  const second = await takeClaimsDirectory(parent);
  assert.notEqual(second.path, first.path);
  assert.deepEqual(await claimsNames(parent), [second.path.slice(parent.length + 1)]);
  assert.equal(await readFile(join(second.path, 'a.json'), 'utf8'), 'a');
  assert.deepEqual([await first.isOurs(), await second.isOurs()], [false, true]);
});

test('C12 takeClaimsDirectory: every way of the predecessor to write or remove a record fails after the rename', async (t) => {
  const parent = await temporaryParent(t);
  const first = await takeClaimsDirectory(parent);
  await write(first.path, 'a');
  await writeFile(join(first.path, 'b.tmp'), 'b');
  await takeClaimsDirectory(parent);
  const missing = { code: 'ENOENT' };
  await assert.rejects(write(first.path, 'c'), missing);
  await assert.rejects(rename(join(first.path, 'b.tmp'), join(first.path, 'b.json')), missing);
  await assert.rejects(rm(join(first.path, 'a.json')), missing);
  await assert.rejects(rename(first.path, join(parent, 'claims-back')), missing);
});

test('takeClaimsDirectory merges every directory that a backup left, and the record of the latest generation wins', async (t) => {
  const parent = await temporaryParent(t);
  const directories = ['claims', 'claims-000003-aaaaaaaa', 'claims-000012-bbbbbbbb', 'claims.backup'];
  for (const [index, name] of directories.entries()) {
    await mkdir(join(parent, name), { recursive: true });
    await write(join(parent, name), `only-${index}`, name);
    await write(join(parent, name), 'all', name);
    await write(join(parent, name), 'same');
  }
  const { path } = await takeClaimsDirectory(parent);
  assert.match(path, /claims-000013-[0-9a-f]{8}$/);
  assert.deepEqual(await claimsNames(parent), [path.slice(parent.length + 1)]);
  for (const [index, name] of directories.entries()) {
    assert.equal(await readFile(join(path, `only-${index}.json`), 'utf8'), name);
  }
  assert.equal(await readFile(join(path, 'all.json'), 'utf8'), 'claims-000012-bbbbbbbb');
  const names = await readdir(path);
  const older = names.filter((name) => name.startsWith('all.json.older-'));
  const kept = await Promise.all(older.map((name) => readFile(join(path, name), 'utf8')));
  assert.deepEqual(kept.sort(), directories.filter((name) => name !== 'claims-000012-bbbbbbbb').sort());
  assert.deepEqual(
    names.filter((name) => name.startsWith('same')),
    ['same.json'],
    'equal files are one',
  );
  assert.equal(names.length, directories.length + 1 + 3 + 1, 'and nothing else is left');
});

test('takeClaimsDirectory finishes merges that a killed driver began, also nested ones', async (t) => {
  const parent = await temporaryParent(t);
  const begun = join(parent, 'claims-000002-aaaaaaaa', 'merging-1', 'merging-2');
  await mkdir(begun, { recursive: true });
  for (const uid of UIDS) await write(begun, uid);
  await mkdir(join(begun, 'kept'));
  const { path } = await takeClaimsDirectory(parent);
  assert.deepEqual((await readdir(path)).sort(), [...UIDS.map((uid) => `${uid}.json`), 'kept']);
});

test('takeClaimsDirectory moves a file and a link of that name aside and does not follow the link', async (t) => {
  const parent = await temporaryParent(t);
  const victim = join(parent, '../victim');
  await mkdir(victim, { recursive: true });
  await mkdir(parent);
  await write(victim, 'a');
  await symlink(victim, join(parent, 'claims-000009-aaaaaaaa'));
  await writeFile(join(parent, 'claims'), 'a file');
  const { path } = await takeClaimsDirectory(parent);
  assert.deepEqual(await readdir(path), []);
  assert.deepEqual(await claimsNames(parent), [path.slice(parent.length + 1)]);
  assert.deepEqual(await readdir(victim), ['a.json']);
  const refused = (await readdir(parent)).filter((name) => name.startsWith('refused-'));
  assert.deepEqual(refused.map((name) => name.slice(0, -9)).sort(), [
    'refused-claims',
    'refused-claims-000009-aaaaaaaa',
  ]);
});

test('takeClaimsDirectory fails with the path and the remedy when there is no place for records', async (t) => {
  const parent = await temporaryParent(t);
  await mkdir(join(parent, '..'), { recursive: true });
  await writeFile(parent, '');
  const expected = { code: 'CannotTakeClaimsDirectory', message: /plugins\/dra\.cpu.*Check --kubelet-root-dir/ };
  await assert.rejects(takeClaimsDirectory(parent), expected);
  await assert.rejects(takeClaimsDirectory(join(parent, 'below')), expected);
});

test('ClaimsDirectory.watch calls onLost once and within 1 s, whether or not the kernel reports the change', async (t) => {
  const parent = await temporaryParent(t);
  const first = await takeClaimsDirectory(parent);
  const losses: number[] = [];
  const stops = [1, 2].map((watch) => first.watch(() => losses.push(watch)));
  t.after(() => stops.forEach((stop) => stop()));
  await setTimeout(50);
  assert.deepEqual(losses, []);
  stops[1]?.();
  await takeClaimsDirectory(parent);
  await eventually('the loss is noticed', () => losses.length > 0, 1_000);
  await setTimeout(600);
  assert.deepEqual(losses, [1], 'once, and not after the watch was stopped');
});

test('ClaimsDirectory.watch notices by its timer what inotify does not report', async (t) => {
  const parent = await temporaryParent(t);
  const first = await takeClaimsDirectory(parent);
  const { promise: lost, resolve: onLost } = Promise.withResolvers<void>();
  t.after(first.watch(onLost));
  await setTimeout(50);
  // The watched directory is now another one than that of the path.
  await rename(parent, `${parent}.old`);
  await mkdir(parent);
  const startMs = performance.now();
  await lost;
  assert.ok(performance.now() - startMs < 1_000, 'within 1 s');
});

test('ClaimsDirectory.watch calls onLost at once when the directory is lost already', async (t) => {
  const parent = await temporaryParent(t);
  const first = await takeClaimsDirectory(parent);
  await takeClaimsDirectory(parent);
  const { promise: lost, resolve: onLost } = Promise.withResolvers<void>();
  t.after(first.watch(onLost));
  await lost;
});

test('ClaimsDirectory.watch creates a directory again that was removed, and asks for the records each time', async (t) => {
  const parent = await temporaryParent(t);
  const own = await takeClaimsDirectory(parent);
  let recreated = 0;
  let isLost = false;
  t.after(
    own.watch(
      () => (isLost = true),
      () => (recreated += 1),
    ),
  );
  for (const [index, removed] of [own.path, parent, own.path].entries()) {
    await rename(removed, join(parent, `../removed-${index}`));
    await eventually(`it is there again after ${removed} was removed`, () => recreated === index + 1, 1_000);
    assert.ok(await own.isOurs());
  }
  const next = await takeClaimsDirectory(parent);
  await eventually('a successor is noticed all the same', () => isLost, 1_000);
  assert.ok(await next.isOurs());
  assert.equal(recreated, 3);
});

test('ClaimsDirectory.isOurs rejects when the system does not show it, and the watch goes on', async (t) => {
  const parent = await temporaryParent(t);
  await mkdir(`${parent}.real`, { recursive: true });
  const link = async (target: string) => {
    await symlink(target, `${parent}.next`);
    await rename(`${parent}.next`, parent);
  };
  await link(`${parent}.real`);
  const own = await takeClaimsDirectory(parent);
  let isLost = false;
  t.after(own.watch(() => (isLost = true)));
  await link(parent);
  await assert.rejects(own.isOurs(), { code: 'ELOOP' });
  await setTimeout(600);
  await link(`${parent}.real`);
  assert.ok(await own.isOurs());
  assert.equal(isLost, false);
});

test('takeClaimsDirectory leaves one directory and one holder, however many take it at once', async (t) => {
  for (let round = 0; round < 40; round += 1) {
    const parent = await temporaryParent(t);
    // Odd rounds begin without a directory, or with several.
    const existing =
      [[], ['claims-000001-aaaaaaaa'], [], ['claims', 'claims-000005-bbbbbbbb', 'claims-copy']][round % 4] ?? [];
    for (const name of existing) {
      await mkdir(join(parent, name), { recursive: true });
      await write(join(parent, name), name);
    }
    const taken = await Promise.all(Array.from({ length: 6 }, () => takeClaimsDirectory(parent)));
    const isOurs = await Promise.all(taken.map((directory) => directory.isOurs()));
    assert.equal(isOurs.filter(Boolean).length, 1, `round ${round}`);
    const holder = taken[isOurs.indexOf(true)];
    assert.deepEqual(await claimsNames(parent), [holder?.path.slice(parent.length + 1)], `round ${round}`);
    assert.deepEqual((await readdir(holder?.path ?? '')).sort(), existing.map((name) => `${name}.json`).sort());
  }
});

test('C12: processes that take the directory from each other never answer with the same number twice', async (t) => {
  const parent = await temporaryParent(t);
  const total = 150;
  const program = join(import.meta.dirname, 'testing/racing-driver.ts');
  const drivers = ['x', 'y', 'z'].map((name) =>
    spawn(process.execPath, [program, parent, name, String(total)], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  t.after(() => drivers.forEach((driver) => driver.kill()));
  const exits = drivers.map((driver) => once(driver, 'close'));
  await Promise.all(drivers.map(({ stdout }) => once(stdout, 'data')));
  const answers = drivers.map(({ stdin, stdout }) => {
    stdin.end('go\n');
    return text(stdout);
  });
  assert.deepEqual(
    await Promise.all(exits),
    drivers.map(() => [0, null]),
  );
  const answered = (await Promise.all(answers)).map((printed) => printed.split('\n').filter(Boolean).map(Number));
  assert.deepEqual(
    answered.flat().filter((number, index, all) => all.indexOf(number) !== index),
    [],
    'no number twice',
  );
  const { path } = await takeClaimsDirectory(parent);
  const records = (await readdir(path)).filter((name) => name.endsWith('.json'));
  const recorded = await Promise.all(records.map(async (name) => Number(await readFile(join(path, name), 'utf8'))));
  assert.equal(new Set(recorded).size, total, 'every number has a record');
  assert.ok(answered.filter(({ length }) => length > 0).length > 1, 'more than one process decided');
});
