import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { collectFiles } from '../../hack/image/build-image.ts';
import { readInterpreter, readNeeded, stripElf } from '../../hack/image/elf.ts';
import { writeImage, writeLayer } from '../../hack/image/oci.ts';
import { readTarFile, type TarEntry, writeTar } from '../../hack/image/tar.ts';

const skip = existsSync('dist/bundled.json') ? false : 'no bundle: run make build';
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
/** Fast instead of small. */
const GZIP_LEVEL = 1;

const file = (content: string, mode = 0o644): TarEntry => ({ kind: 'file', content: Buffer.from(content), mode });

function makeDirectory(t: { after: (fn: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'image-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('writeTar makes an archive that tar unpacks, parents and links included', (t) => {
  const directory = makeDirectory(t);
  const entries = new Map<string, TarEntry>([
    ['a/b/c', file('hello', 0o755)],
    ['a/also', { kind: 'hardLink', target: 'a/b/c' }],
    ['a/link', { kind: 'symbolicLink', target: 'b/c' }],
    ['a/b/long', file('x'.repeat(1_025))],
  ]);
  const tar = writeTar(entries);
  execFileSync('tar', ['-xf', '-', '-C', directory], { input: tar });
  for (const path of ['a/b/c', 'a/also', 'a/link']) assert.equal(readFileSync(join(directory, path), 'utf8'), 'hello');
  assert.equal(readTarFile(tar, 'a/b/long').toString(), 'x'.repeat(1_025));
  assert.throws(() => readTarFile(tar, 'b'), /not there/);
});

test('writeTar makes the same bytes in whatever order entries come, and refuses paths that ustar cannot hold', () => {
  const entries: [string, TarEntry][] = [
    ['b', file('b')],
    ['a/c', file('c')],
  ];
  assert.deepEqual(writeTar(new Map(entries)), writeTar(new Map(entries.toReversed())));
  assert.throws(() => writeTar(new Map([['n'.repeat(101), file('')]])), /over 100 bytes/);
});

test('stripElf leaves a program that runs, smaller, with the same linker and libraries', { skip }, (t) => {
  const directory = makeDirectory(t);
  const node = readFileSync(process.execPath);
  const stripped = stripElf(node);
  assert.ok(stripped.length < node.length);
  assert.deepEqual(readNeeded(stripped), readNeeded(node));
  assert.equal(readInterpreter(stripped), readInterpreter(node));
  const path = join(directory, 'node');
  writeFileSync(path, stripped, { mode: 0o755 });
  assert.equal(execFileSync(path, ['-p', '6 * 7'], { encoding: 'utf8' }), '42\n');
});

test('readNeeded refuses what is no program', () => {
  assert.throws(() => readNeeded(Buffer.from('#!/bin/sh\n'.padEnd(64))), /no 64-bit ELF/);
});

test('an image of the same files is the same bytes, and names its blobs by their digests', { skip }, (t) => {
  const directory = makeDirectory(t);
  const write = () => {
    const { base, driver } = collectFiles(architecture);
    const layers = [writeLayer(base, GZIP_LEVEL), writeLayer(driver, GZIP_LEVEL)];
    return writeImage({ name: 'localhost/a:v1', architecture, layers, command: ['/dracpu'], labels: {} });
  };
  const archive = write();
  assert.ok(archive.equals(write()));
  execFileSync('tar', ['-xf', '-', '-C', directory], { input: archive });
  const blobs = readdirSync(join(directory, 'blobs/sha256'));
  assert.equal(blobs.length, 4);
  const sums = execFileSync('sha256sum', blobs, { cwd: join(directory, 'blobs/sha256'), encoding: 'utf8' });
  for (const line of sums.trim().split('\n')) assert.equal(line.split('  ')[0], line.split('  ')[1]);
  const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const manifest = index.manifests[0]?.digest.replace('sha256:', '') ?? '';
  const { layers } = JSON.parse(readFileSync(join(directory, 'blobs/sha256', manifest), 'utf8')) as {
    layers: { digest: string }[];
  };
  const paths = layers.flatMap(({ digest }) => {
    const tar = gunzipSync(readFileSync(join(directory, 'blobs', digest.replace(':', '/'))));
    return execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }).trim().split('\n');
  });
  for (const path of ['dracpu', 'dracpu-gatherinfo', 'usr/local/bin/node', 'licenses/sbom.cdx.json']) {
    assert.ok(paths.includes(path), path);
  }
  assert.deepEqual(
    paths.filter((path) => /(^|\/)(sh|bash|dash|busybox|apt|dpkg|npm)$/.test(path)),
    [],
  );
});

const skipRoot = skip || (process.getuid?.() === 0 ? false : 'chroot needs root');

test('the programs of the image start in its files alone and tell the version of the package', {
  skip: skipRoot,
}, (t) => {
  const directory = makeDirectory(t);
  execFileSync(process.execPath, ['hack/image/build-image.ts', '--rootfs', directory]);
  const run = (...command: string[]) => execFileSync('chroot', [directory, ...command], { encoding: 'utf8' });
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.match(run('/dracpu', '--version'), new RegExp(`^dracpu ${version.replaceAll('.', '\\.')} \\(`));
  assert.ok(run('/dracpu-gatherinfo', '--help').includes('Usage: dracpu'));
  for (const command of ['demo', 'embedded-node', 'validate']) {
    const { status, stderr } = spawnSync('chroot', [directory, '/dracpu', command], { encoding: 'utf8' });
    assert.equal(status, 1, command);
    assert.match(stderr, new RegExp(`^Cannot run "dracpu ${command}": the command is not part of the node image`));
  }
  assert.doesNotMatch(run('/dracpu', 'help'), /demo|validate/);
});

test('the bill of materials lists every bundled package with its licence, Node and the libraries', { skip }, () => {
  const { driver } = collectFiles(architecture);
  const readText = (path: string) => {
    const entry = driver.get(path);
    return entry?.kind === 'file' ? Buffer.from(entry.content).toString() : '';
  };
  const sbom = JSON.parse(readText('licenses/sbom.cdx.json')) as {
    components: { name: string; licenses: { expression: string }[] }[];
  };
  const names = sbom.components.map(({ name }) => name);
  const bundled = JSON.parse(readFileSync('dist/bundled.json', 'utf8')) as { name: string }[];
  for (const { name } of bundled) assert.ok(names.includes(name), name);
  assert.ok(names.some((name) => name.endsWith('/libc.so.6')));
  assert.ok(names.includes('usr/local/bin/node'));
  for (const { name, licenses } of sbom.components) assert.ok(licenses[0]?.expression, name);
  const notices = readText('licenses/THIRD-PARTY-NOTICES.txt');
  for (const { name } of bundled) assert.ok(notices.includes(`\n${name} `), name);
  const [, ...sections] = notices.split(/\n\n\n(?=[^\n]+\n-+\n)/);
  assert.equal(sections.length, bundled.length);
  for (const section of sections) assert.match(section, /copyright/i, section.slice(0, 50));
});
