/**
 * Bundles the command into three CommonJS files: the daemon with the tools of a node, which alone is in the image, the other
 * tools, and the embedded node. The first loads the others when it is asked for their commands. CommonJS because an ESM `import 'node:http'` evaluates Node's lazy
 * getters and loads undici, which costs every daemon 13 MiB (docs/decisions/0001-toolchain.md).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { buildLibraries } from './build-libraries.ts';
import { type BundledPackage, findBundledPackages, formatNotices, formatSbom, mergePackages } from './sbom.ts';
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

/** The entry of each bundle. */
const BUNDLES = {
  dracpu: 'src/cli/main.ts',
  'dracpu-tools': 'src/cli/tools.ts',
  'dracpu-embedded': 'embedded/main.ts',
} as const;

/**
 * V8 reads these at any time before the heap grows; set in the bundle they hold however it is started
 * (docs/decisions/0002-v8-flags.md).
 */
const START = `#!/usr/bin/env node\n'use strict';require('node:v8').setFlagsFromString('${BUNDLE_FLAGS.join(' ')}');`;

/** Writes a bundle; the packages of which something is in it. */
async function buildBundle(name: keyof typeof BUNDLES): Promise<readonly BundledPackage[]> {
  const { metafile } = await build({
    entryPoints: [BUNDLES[name]],
    outfile: `dist/${name}.cjs`,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minify: true,
    sourcemap: 'linked',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    banner: { js: name === 'dracpu' ? START : "'use strict';" },
    define: {
      'import.meta.dirname': '__dirname',
      DRACPU_VERSION: JSON.stringify(packageJson.version),
      DRACPU_COMMIT: JSON.stringify(readCommit()),
    },
  });
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return findBundledPackages(inputs);
}

const ofNode = await buildBundle('dracpu');
const others = [...(await buildBundle('dracpu-tools')), ...(await buildBundle('dracpu-embedded'))];
const all = mergePackages([...ofNode, ...others]);
writeFileSync('dist/THIRD-PARTY-NOTICES.txt', formatNotices(all));
writeFileSync('dist/sbom.cdx.json', formatSbom({ name: 'dracpu', version: packageJson.version }, all));
// What the image has; it makes its own notices and bill of materials from it.
writeFileSync('dist/bundled.json', `${JSON.stringify(ofNode, null, 2)}\n`);
await buildLibraries();
