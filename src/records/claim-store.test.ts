import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { preparedClaim } from '../containers/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { describeDevices } from '../prepare/describe-devices.ts';
import { ClaimStore } from './claim-store.ts';
import { deriveFiles } from './derive-files.ts';
import { DerivedFiles } from './derived-files.ts';
import { recoverClaims } from './recover.ts';

const topology = smtMachine({ nodes: 2, cores: 4 });
const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };

/** A store in folders of its own, and what starts another driver over the same ones. */
async function openStore(context: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'records-'));
  const opened: DerivedFiles[] = [];
  context.after(async () => {
    // One that still watches would write files into what is being removed.
    for (const derived of opened) await derived.stop();
    await rm(root, { recursive: true, force: true });
  });
  const dataDirectory = join(root, 'plugins/dra.cpu');
  const cdiDirectory = join(root, 'cdi');
  const directory = join(dataDirectory, 'claims-1');
  const open = async () => {
    const places = { driverName: 'dra.cpu', dataDirectory, cdiDirectory };
    const derived = new DerivedFiles(places, silentLog);
    opened.push(derived);
    const derive = (claim: PreparedClaim) => deriveFiles(claim, describeDevices(claim, machine), places);
    const store = new ClaimStore({ directory, derived, derive, log: silentLog });
    const ledger = new Ledger({ allocatable: devices.allocatable, reserved: CpuSet.empty });
    const damaged = await recoverClaims({ store, cdiDirectory, ledger, log: silentLog });
    return { store, derived, ledger, damaged };
  };
  const paths = (uid: string) => ({
    record: join(directory, `${uid}.json`),
    spec: join(cdiDirectory, `dra.k8s.io-cpu_claim-${uid}.json`),
    mount: join(cdiDirectory, `dra.cpu_metadata_${uid}_cpus.json`),
    metadata: join(dataDirectory, `dra-device-metadata/shop_${uid}/cpus/metadata.json`),
  });
  return { root, dataDirectory, cdiDirectory, directory, open, paths };
}

async function write(store: ClaimStore, uid: string, cpus: string): Promise<void> {
  await store.write({ claim: preparedClaim(uid, cpus), owner: undefined });
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

test('ClaimStore.write records a claim and writes what follows from it; remove leaves nothing of it', async (context) => {
  const { open, paths, directory, cdiDirectory, dataDirectory } = await openStore(context);
  const { store } = await open();
  await write(store, 'db', '2-3');
  await write(store, 'web', '4');
  const { record, spec, mount, metadata } = paths('db');
  for (const path of [record, spec, mount, metadata]) assert.ok(await exists(path), path);
  const document = JSON.parse(await readFile(metadata, 'utf8'));
  assert.deepEqual(
    [document.kind, document.apiVersion, document.metadata],
    ['DeviceMetadata', 'metadata.resource.k8s.io/v1beta1', { name: 'db', namespace: 'shop', uid: 'db', generation: 1 }],
  );
  assert.deepEqual(document.requests[0].devices[0].attributes['dra.cpu/cpuset'], { string: '2-3' });
  assert.equal(JSON.parse(await readFile(mount, 'utf8')).devices[0].containerEdits.mounts[0].hostPath, metadata);
  await writeFile(join(cdiDirectory, 'vendor.com-gpu.json'), '{}');
  await store.remove('db');
  await store.remove('db');
  assert.deepEqual(await readdir(directory), ['web.json']);
  assert.deepEqual((await readdir(cdiDirectory)).sort(), [
    'dra.cpu_metadata_web_cpus.json',
    'dra.k8s.io-cpu_claim-web.json',
    'vendor.com-gpu.json',
  ]);
  assert.deepEqual(await readdir(join(dataDirectory, 'dra-device-metadata')), ['shop_web']);
});

test('recoverClaims S7: records survive a reboot and a wiped /run, owners included', async (context) => {
  const { open, cdiDirectory } = await openStore(context);
  const { store } = await open();
  const owner = { podUid: 'p', podNamespace: 'shop', podName: 'db-0', containerName: 'main' };
  await store.write({ claim: preparedClaim('db', '2-3', { podUids: ['p'] }), owner });
  await rm(cdiDirectory, { recursive: true });
  const { ledger, damaged } = await open();
  assert.equal(damaged, 0);
  assert.deepEqual(ledger.find('db'), preparedClaim('db', '2-3', { podUids: ['p'] }));
  assert.deepEqual(ledger.ownerOf('db'), owner);
});

test('DerivedFiles S7, S8: what is missing, changed or not a regular file is back within 2 s', async (context) => {
  const { open, paths, cdiDirectory } = await openStore(context);
  const { store, derived } = await open();
  await write(store, 'db', '2-3');
  const { spec, mount, metadata } = paths('db');
  const texts = await Promise.all([spec, mount, metadata].map((path) => readFile(path, 'utf8')));
  derived.start();
  const deeds: [string, () => Promise<unknown>][] = [
    ['the directory is removed', () => rm(cdiDirectory, { recursive: true })],
    ['the directory is emptied', async () => Promise.all([unlink(spec), unlink(mount)])],
    ['metadata is removed', () => unlink(metadata)],
    ['a file is changed', () => writeFile(spec, '{"kind":"other"}')],
    ['a file is a link', async () => (await unlink(metadata), symlink('/', metadata))],
    ['a file is a FIFO', async () => (await unlink(spec), execFileSync('mkfifo', [spec]))],
    ['a file is a folder', async () => (await unlink(spec), mkdir(join(spec, 'x'), { recursive: true }))],
  ];
  for (const [name, deed] of deeds) {
    await deed();
    const startMs = performance.now();
    const isBack = async (path: string, index: number) =>
      (await stat(path).catch(() => undefined))?.isFile() && (await readFile(path, 'utf8')) === texts[index];
    await eventually(name, async () =>
      (await Promise.all([spec, mount, metadata].map(isBack))).every((back) => back === true),
    );
    assert.ok(performance.now() - startMs < 2_000, name);
  }
});

test('ClaimStore.check: a record that another program removes or replaces is written again', async (context) => {
  const { open, paths } = await openStore(context);
  const { store } = await open();
  await write(store, 'db', '2-3');
  const { record } = paths('db');
  const text = await readFile(record, 'utf8');
  for (const deed of [
    () => unlink(record),
    () => writeFile(record, '{}'),
    async () => (await unlink(record), execFileSync('mkfifo', [record])),
    async () => (await unlink(record), mkdir(record)),
  ]) {
    await deed();
    await store.check();
    assert.equal(await readFile(record, 'utf8'), text);
  }
});

test('recoverClaims S8: damaged, strange and huge files are moved aside and named, and never end the start', async (context) => {
  const { open, directory, cdiDirectory } = await openStore(context);
  await (await open()).store.write({ claim: preparedClaim('good', '1'), owner: undefined });
  const inRecords = (name: string) => join(directory, name);
  await writeFile(inRecords('torn.json'), '{"version":1,"chec');
  execFileSync('mkfifo', [inRecords('fifo.json')]);
  await symlink('/', inRecords('link.json'));
  await mkdir(inRecords('folder.json'));
  execFileSync('truncate', ['-s', '1500000000', inRecords('huge.json')]);
  await writeFile(inRecords('left.json.0a0a0a0a.dracpu-tmp'), 'x');
  const inCdi = (uid: string) => join(cdiDirectory, `dra.k8s.io-cpu_claim-${uid}.json`);
  await writeFile(inCdi('null'), '{"kind":"dra.k8s.io/cpu","devices":null,"annotations":null}');
  execFileSync('mkfifo', [inCdi('pipe')]);
  await symlink('/', inCdi('away'));
  const { ledger, damaged } = await open();
  assert.equal(damaged, 8);
  assert.deepEqual(
    ledger.claims.map(({ uid }) => uid),
    ['good'],
  );
  const left = (await readdir(directory)).filter((name) => !name.endsWith('.dracpu-damaged'));
  assert.deepEqual(left, ['good.json']);
});

test('recoverClaims adopts specs of the reference driver and of release 0.1.0, and records them', async (context) => {
  const { open, cdiDirectory, directory } = await openStore(context);
  await mkdir(cdiDirectory, { recursive: true });
  const spec = (uid: string, annotations?: object) => ({
    cdiVersion: '0.8.0',
    kind: 'dra.k8s.io/cpu',
    ...(annotations && { annotations }),
    devices: [{ name: `claim-${uid}`, containerEdits: { env: [`DRA_CPUSET_${uid}=2-3`] } }],
  });
  const put = (uid: string, text: unknown) =>
    writeFile(join(cdiDirectory, `dra.k8s.io-cpu_claim-${uid}.json`), JSON.stringify(text));
  await put('reference', spec('reference'));
  const record = (names: object) => ({ 'dra.cpu/record': JSON.stringify({ version: 1, assignments: [], ...names }) });
  await put('older', spec('older', record({ namespace: 'shop', name: 'db' })));
  await put('evil', spec('evil', record({ namespace: '..', name: 'b/../../../victim' })));
  const { ledger } = await open();
  const found = (uid: string) => {
    const claim = ledger.find(uid);
    return [claim?.namespace, claim?.name, claim?.cpus.toString(), claim?.users];
  };
  assert.deepEqual(found('reference'), ['unknown', 'reference', '2-3', undefined]);
  assert.deepEqual(found('older'), ['shop', 'db', '2-3', undefined]);
  assert.deepEqual(found('evil'), ['unknown', 'evil', '2-3', undefined], 'no name from a file becomes a path');
  assert.deepEqual(await readdir(directory), ['evil.json', 'older.json', 'reference.json']);
});

test('deriveFiles S9: names that are not names of Kubernetes objects make no path', () => {
  const places = { driverName: 'dra.cpu', dataDirectory: '/data', cdiDirectory: '/cdi' };
  for (const name of ['b/../../../../victim', '..', '.', 'a\0b', 'A', '', 'x'.repeat(300)]) {
    const claim = { ...preparedClaim('u', '1'), name };
    const files = deriveFiles(claim, describeDevices(claim, machine), places);
    assert.deepEqual(
      files.map(({ path }) => path),
      ['/cdi/dra.k8s.io-cpu_claim-u.json'],
      name,
    );
  }
});

test('ClaimStore S10: once another driver has taken the folder, nothing is written or removed any more', async (context) => {
  const { open, paths, directory } = await openStore(context);
  const { store } = await open();
  await write(store, 'db', '2-3');
  await rename(directory, directory.replace('claims-1', 'claims-2'));
  await assert.rejects(write(store, 'next', '4'), { code: 'DriverLeft' });
  await assert.rejects(store.remove('db'), { code: 'DriverLeft' });
  assert.ok(await exists(paths('db').spec), 'files of the successor’s claim stay');
  assert.equal(await exists(paths('next').spec), false);
});

test('ClaimStore.write P6: after a crash in the middle of a write there is the old record or the new one', async (context) => {
  const { open, paths, directory } = await openStore(context);
  const { store } = await open();
  await write(store, 'db', '2-3');
  await writeFile(`${paths('db').record}.deadbeef.dracpu-tmp`, '{"vers');
  const { ledger, damaged } = await open();
  assert.deepEqual([damaged, ledger.find('db')?.cpus.toString()], [0, '2-3']);
  assert.deepEqual(await readdir(directory), ['db.json']);
});

test('ClaimStore names the path and the system’s reason when it cannot write', async (context) => {
  const { open, cdiDirectory } = await openStore(context);
  const { store } = await open();
  await rm(cdiDirectory, { recursive: true });
  await writeFile(cdiDirectory, 'a file where the directory should be');
  await assert.rejects(write(store, 'db', '2-3'), {
    code: 'NotRecorded',
    message: /^Cannot write .*cdi.*: (EEXIST|ENOTDIR);/,
  });
});

test('DerivedFiles: of two claims of one name the later one has the metadata, whatever becomes of the earlier one', async (context) => {
  const { open, paths, cdiDirectory } = await openStore(context);
  const { store, derived } = await open();
  const metadata = paths('db').metadata;
  const named = (uid: string) => ({ claim: { ...preparedClaim(uid, '2'), name: 'db' }, owner: undefined });
  await store.write(named('one'));
  await Promise.all([store.write(named('two')), store.remove('one')]);
  await derived.check();
  assert.match(await readFile(metadata, 'utf8'), /"uid":"two"/);
  assert.deepEqual((await readdir(cdiDirectory)).sort(), [
    'dra.cpu_metadata_two_cpus.json',
    'dra.k8s.io-cpu_claim-two.json',
  ]);
});

test('DerivedFiles: after a restart the metadata of two claims of one name is that of the one that stays', async (context) => {
  const { open, paths } = await openStore(context);
  const first = await open();
  for (const uid of ['b-newer', 'c-older']) {
    await first.store.write({
      claim: { ...preparedClaim(uid, uid === 'b-newer' ? '2' : '3'), name: 'db' },
      owner: undefined,
    });
  }
  const { store, ledger } = await open();
  for (const claim of ledger.claims) await store.restoreDerived(claim);
  await store.remove('c-older');
  assert.match(await readFile(paths('db').metadata, 'utf8'), /"uid":"b-newer"/);
  await store.remove('b-newer');
  assert.equal(await exists(paths('db').metadata), false);
});

test('DerivedFiles.removeStrays removes metadata of claims that are gone, and nothing else', async (context) => {
  const { open, dataDirectory, cdiDirectory, paths } = await openStore(context);
  const first = await open();
  await write(first.store, 'gone', '1');
  await write(first.store, 'kept', '2');
  await unlink(paths('gone').record);
  await unlink(paths('gone').spec);
  const folder = join(dataDirectory, 'dra-device-metadata');
  await symlink('/', join(folder, 'link'));
  await mkdir(join(folder, 'foreign/request'), { recursive: true });
  await writeFile(join(folder, 'foreign/request/notes.txt'), 'x');
  const { derived, ledger } = await open();
  await derived.removeStrays((uid) => ledger.find(uid) !== undefined);
  assert.deepEqual((await readdir(folder)).sort(), ['foreign', 'link', 'shop_kept']);
  assert.deepEqual((await readdir(cdiDirectory)).sort(), [
    'dra.cpu_metadata_kept_cpus.json',
    'dra.k8s.io-cpu_claim-kept.json',
  ]);
});
