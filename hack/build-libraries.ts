/**
 * Builds what other programs import: `dra-driver-cpu/nri` and `dra-driver-cpu/ttrpc` as ES modules, as CommonJS and with
 * their types. The first imports the second as a file of its own, so that their errors are the same classes.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';

const LIBRARIES = ['nri', 'ttrpc'] as const;
const EXTENSIONS = { esm: 'mjs', cjs: 'cjs' } as const;

/** Turns imports of src/ttrpc from another room into imports of the built library. */
function keepTtrpcApart(extension: string): Plugin {
  return {
    name: 'keep-ttrpc-apart',
    setup(builder) {
      builder.onResolve({ filter: /\/ttrpc\/[a-z-]+\.ts$/ }, ({ importer, path }) =>
        importer === '' || path.includes('gen/') ? undefined : { path: `./ttrpc.${extension}`, external: true },
      );
    },
  };
}

async function buildCode(library: (typeof LIBRARIES)[number], format: keyof typeof EXTENSIONS): Promise<void> {
  const extension = EXTENSIONS[format];
  await build({
    entryPoints: [`src/${library}/index.ts`],
    outfile: `dist/${library}.${extension}`,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format,
    packages: 'external',
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [keepTtrpcApart(extension)],
  });
}

/** Writes the libraries into dist/. */
export async function buildLibraries(): Promise<void> {
  await Promise.all(LIBRARIES.flatMap((library) => [buildCode(library, 'esm'), buildCode(library, 'cjs')]));
  rmSync('dist/types', { recursive: true, force: true });
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'hack/tsconfig.libraries.json'], {
    stdio: 'inherit',
  });
}
