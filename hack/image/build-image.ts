/**
 * Makes the images as archives below dist/, without Docker: `node hack/image/build-image.ts [amd64] [arm64]`. The driver's
 * image is Node, the libraries it needs and the bundle; the test image has the same first layer and a program that tells its
 * CPUs. The archives of this machine's architecture have a second, shorter name. `--rootfs DIR` writes the driver's files into a
 * folder instead (what the Dockerfile copies).
 *
 * `TAG` and `IMAGE_REPO` name the image. Libraries come from this system's root, for the other architecture from where Debian's
 * cross packages (libstdc++6-arm64-cross, libstdc++6-amd64-cross) put them; `IMAGE_SYSROOT` names another root.
 */
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { type BundledPackage, type Component, formatNotices, formatSbom } from '../sbom.ts';
import { findNode } from './find-node.ts';
import { type Layer, writeImage, writeLayer } from './oci.ts';
import { collectBaseFiles, collectDriverFiles, makeScript } from './root-files.ts';
import type { TarEntry } from './tar.ts';

const architectures = {
  amd64: { nodeName: 'x64', triplet: 'x86_64-linux-gnu' },
  arm64: { nodeName: 'arm64', triplet: 'aarch64-linux-gnu' },
} as const;

type Architecture = keyof typeof architectures;

const NATIVE: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const { IMAGE_REPO = 'localhost/dra-driver-cpu', TAG = `v${version}`, IMAGE_SYSROOT } = process.env;

/** The files of an image, its two layers apart. */
interface ImageFiles {
  readonly base: ReadonlyMap<string, TarEntry>;
  readonly driver: ReadonlyMap<string, TarEntry>;
}

/** The files from outside npm as parts of the bill of materials. */
function describeBase(base: ReadonlyMap<string, TarEntry>, nodeVersion: string): readonly Component[] {
  return [...base].flatMap(([path, entry]) => {
    if (entry.kind !== 'file' || entry.mode !== 0o755) return [];
    const sha256 = createHash('sha256').update(entry.content).digest('hex');
    const isNode = path.endsWith('/node');
    const license = /libstdc|libgcc/.test(path) ? 'GPL-3.0-or-later WITH GCC-exception-3.1' : 'LGPL-2.1-or-later';
    return [{ name: path, version: isNode ? nodeVersion : '', license: isNode ? 'MIT' : license, sha256 }];
  });
}

/** The copyright files of Debian's packages of the libraries; none on other systems. @param suffix of the packages. */
function readLibraryLicenses(suffix: string): readonly (readonly [name: string, text: string])[] {
  return ['libc6', 'libgcc-s1', 'libstdc++6'].flatMap((name) => {
    const path = `/usr/share/doc/${name}${suffix}/copyright`;
    return existsSync(path) ? [[`${name}-copyright`, readFileSync(path, 'utf8')] as const] : [];
  });
}

/** Every file of the driver's image. @throws RangeError when Node or a library cannot be had. */
export function collectFiles(architecture: Architecture): ImageFiles {
  const { nodeName, triplet } = architectures[architecture];
  const node = findNode(nodeName);
  const isNative = process.arch === nodeName;
  const sysroot = IMAGE_SYSROOT ?? (isNative ? '/' : `/usr/${triplet}`);
  const base = collectBaseFiles(node.program, { sysroot, triplet });
  const bundled = JSON.parse(readFileSync('dist/bundled.json', 'utf8')) as readonly BundledPackage[];
  const sbom = formatSbom({ name: 'dracpu', version }, [...bundled, ...describeBase(base, node.version)]);
  const licenses = new Map([
    ...readLibraryLicenses(isNative ? '' : `-${architecture}-cross`),
    ['LICENSE', readFileSync('LICENSE', 'utf8')],
    ['NODE-LICENSE', node.license],
    ['THIRD-PARTY-NOTICES.txt', formatNotices(bundled)],
    ['sbom.cdx.json', sbom],
  ]);
  return { base, driver: collectDriverFiles({ bundle: readFileSync('dist/dracpu.cjs', 'utf8'), licenses }) };
}

/** The test image's only program, bundled. */
function buildTester(): string {
  const { outputFiles } = buildSync({
    entryPoints: ['test/image/dracputester.ts'],
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    write: false,
    banner: { js: '#!/usr/bin/env node' },
  });
  return outputFiles[0]?.text ?? '';
}

function writeArchive(
  architecture: Architecture,
  image: { suffix: string; layers: readonly Layer[]; command: string },
): void {
  const { suffix, layers, command } = image;
  const labels = { 'org.opencontainers.image.version': version, 'org.opencontainers.image.licenses': 'Apache-2.0' };
  const name = `${IMAGE_REPO}${suffix}:${TAG}`;
  const archive = writeImage({ name, architecture, layers, command: [command], labels });
  const path = `dist/dra-driver-cpu${suffix}-${architecture}.tar`;
  writeFileSync(path, archive);
  if (architecture === NATIVE) {
    const short = `dist/dra-driver-cpu${suffix}.tar`;
    rmSync(short, { force: true });
    symlinkSync(basename(path), short);
  }
  const sha256 = createHash('sha256').update(archive).digest('hex');
  process.stdout.write(`${path}: ${name}, ${(archive.length / 2 ** 20).toFixed(1)} MiB, sha256 ${sha256}\n`);
}

/** Writes the archives of both images. */
function buildImages(architecture: Architecture): void {
  const { base, driver } = collectFiles(architecture);
  mkdirSync('dist', { recursive: true });
  const baseLayer = writeLayer(base);
  writeArchive(architecture, { suffix: '', layers: [baseLayer, writeLayer(driver)], command: '/dracpu' });
  const tester = writeLayer(new Map([['dracputester', makeScript(buildTester())]]));
  writeArchive(architecture, { suffix: '-test', layers: [baseLayer, tester], command: '/dracputester' });
}

/** Writes the driver's files into a folder. */
function writeRootfs(root: string, { base, driver }: ImageFiles): void {
  for (const [path, entry] of [...base, ...driver]) {
    const at = join(root, path);
    mkdirSync(entry.kind === 'directory' ? at : dirname(at), { recursive: true });
    if (entry.kind === 'file') writeFileSync(at, entry.content, { mode: entry.mode });
    if (entry.kind === 'hardLink') linkSync(join(root, entry.target), at);
  }
}

function main(argv: readonly string[]): void {
  if (argv[0] === '--rootfs') {
    writeRootfs(argv[1] ?? 'rootfs', collectFiles(NATIVE));
    return;
  }
  const wanted = argv.length > 0 ? (argv as readonly Architecture[]) : [NATIVE];
  for (const architecture of wanted) {
    try {
      if (!Object.hasOwn(architectures, architecture)) throw new RangeError('want amd64 or arm64');
      buildImages(architecture);
    } catch (error) {
      process.stderr.write(`no image for ${architecture}: ${(error as Error).message}\n`);
      if (architecture === NATIVE || wanted.length === 1) process.exitCode = 1;
    }
  }
}

if (import.meta.main) main(process.argv.slice(2));
