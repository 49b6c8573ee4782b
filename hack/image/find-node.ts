/** Node's program for an architecture: the installed package, or the one of the lock file from the npm registry. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readTarFile } from './tar.ts';

/** Node, ready for an image. */
export interface NodePackage {
  readonly program: Buffer;
  readonly license: string;
  readonly version: string;
}

const CACHE = 'dist/cache';
const PACK_TIMEOUT_MS = 5 * 60_000;

/** The archive of a locked package, its digest checked against the lock file. */
function downloadPackage(name: string): { readonly tar: Buffer; readonly version: string } {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked) throw new RangeError(`Cannot get package "${name}": the lock file does not have it`);
  const { version, integrity } = locked;
  const path = join(CACHE, `${name}-${version}.tgz`);
  if (!existsSync(path)) {
    mkdirSync(CACHE, { recursive: true });
    const args = ['pack', '--silent', `${name}@${version}`, '--pack-destination', CACHE];
    execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: PACK_TIMEOUT_MS });
  }
  const archive = readFileSync(path);
  const [algorithm = 'sha512', expected] = integrity.split(/-(.*)/s);
  if (createHash(algorithm).update(archive).digest('base64') !== expected) {
    throw new RangeError(`Cannot use package "${path}": it is not what the lock file names; remove it`);
  }
  return { tar: gunzipSync(archive), version };
}

/** Finds Node. @param architecture as Node calls it: "x64" or "arm64". */
export function findNode(architecture: string): NodePackage {
  const name = `node-linux-${architecture}`;
  const installed = join('node_modules', name);
  if (existsSync(join(installed, 'bin/node'))) {
    const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string };
    const license = readFileSync(join(installed, 'LICENSE'), 'utf8');
    return { program: readFileSync(join(installed, 'bin/node')), license, version };
  }
  const { tar, version } = downloadPackage(name);
  const license = readTarFile(tar, 'package/LICENSE').toString();
  return { program: readTarFile(tar, 'package/bin/node'), license, version };
}
