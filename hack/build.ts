/**
 * Bundles the command into one CommonJS file. CommonJS because an ESM `import 'node:http'` evaluates Node's lazy
 * getters and loads undici, which costs every daemon 13 MiB (docs/decisions/0001-toolchain.md).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { buildLibraries } from './build-libraries.ts';
import { findBundledPackages, formatNotices, formatSbom } from './sbom.ts';
import { BUNDLE_FLAGS } from './v8-flags.ts';

const packageJson = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** The commit a build came from: `GIT_COMMIT`, or what git says; `unknown` outside a git checkout. */
function readCommit(): string {
  if (process.env.GIT_COMMIT) return process.env.GIT_COMMIT;
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

const { metafile } = await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/dracpu.cjs',
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  minify: true,
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // V8 reads these at any time before the heap grows; set here they hold however the bundle is started
  // (docs/decisions/0002-v8-flags.md).
  banner: {
    js: `#!/usr/bin/env node\n'use strict';require('node:v8').setFlagsFromString('${BUNDLE_FLAGS.join(' ')}');`,
  },
  define: { DRACPU_VERSION: JSON.stringify(packageJson.version), DRACPU_COMMIT: JSON.stringify(readCommit()) },
});

const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
);
const packages = findBundledPackages(inputs);
writeFileSync('dist/THIRD-PARTY-NOTICES.txt', formatNotices(packages));
writeFileSync('dist/sbom.cdx.json', formatSbom({ name: 'dracpu', version: packageJson.version }, packages));
writeFileSync('dist/bundled.json', `${JSON.stringify(packages, null, 2)}\n`);
await buildLibraries();
