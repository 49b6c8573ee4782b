/** The exported libraries as somebody else's program finds them: built, by the package's name, as either module kind. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startRuntime } from '../embedded/runtime/testing/start-runtime.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');

/** One program for both module kinds. */
const PROGRAM = `
const plugin = new NriPlugin({ name: 'mine', index: '90', handlers: { createContainer: () => ({}) }, socketPath: '/nonexistent' });
const [near] = duplexPair();
const client = new TtrpcClient(near);
client.close();
const definition = { fullName: 'a.B', methods: {} };
createServiceClient(client, definition);
plugin.updateContainers([cpusetUpdate('c', '0')]).catch((error) => {
  console.log(error instanceof NriError, error.code, plugin.state.kind, typeof TtrpcServer, new TtrpcError('Unknown', '').code);
});
`;
const NRI_NAMES = '{ cpusetUpdate, NriError, NriPlugin }';
const TTRPC_NAMES = '{ createServiceClient, TtrpcClient, TtrpcError, TtrpcServer }';

describe('the exported libraries', { timeout: 120_000 }, () => {
  let directory: string;

  before(async () => {
    if (!existsSync(join(ROOT, 'dist/nri.mjs'))) await run(process.execPath, ['hack/build.ts'], { cwd: ROOT });
    directory = await mkdtemp(join(tmpdir(), 'dracpu-consumer-'));
    await mkdir(join(directory, 'node_modules/@types'), { recursive: true });
    await symlink(ROOT, join(directory, 'node_modules/dra-driver-cpu'));
    await symlink(join(ROOT, 'node_modules/@types/node'), join(directory, 'node_modules/@types/node'));
  });
  after(() => rm(directory, { recursive: true }));

  it('load as ES modules and as CommonJS', async () => {
    const esm = `import { duplexPair } from 'node:stream';
import ${NRI_NAMES} from 'dra-driver-cpu/nri';
import ${TTRPC_NAMES} from 'dra-driver-cpu/ttrpc';
${PROGRAM}`;
    const cjs = `const { duplexPair } = require('node:stream');
const ${NRI_NAMES} = require('dra-driver-cpu/nri');
const ${TTRPC_NAMES} = require('dra-driver-cpu/ttrpc');
${PROGRAM}`;
    for (const [file, text] of [
      ['program.mjs', esm],
      ['program.cjs', cjs],
    ] as const) {
      await writeFile(join(directory, file), text);
      const { stdout } = await run(process.execPath, [join(directory, file)]);
      assert.equal(stdout, 'true NotConnected stopped function Unknown\n', file);
    }
  });

  it('are one: what a plugin throws is of the classes of the ttrpc library', async () => {
    assert.match(await readFile(join(ROOT, 'dist/nri.mjs'), 'utf8'), /from "\.\/ttrpc\.mjs"/);
    assert.match(await readFile(join(ROOT, 'dist/nri.cjs'), 'utf8'), /require\("\.\/ttrpc\.cjs"\)/);
  });

  it('have types, checked as strictly as can be', async () => {
    const program = `
import { containerCpus, cpusetAdjustment, NriPlugin, type NriHandlers } from 'dra-driver-cpu/nri';
import { TtrpcError } from 'dra-driver-cpu/ttrpc';
const handlers: NriHandlers = {
  createContainer: ({ container, pod }) =>
    pod.namespace === 'batch' && containerCpus(container) === '' ? { adjustment: cpusetAdjustment('0-1') } : {},
};
export const plugin: NriPlugin = new NriPlugin({ name: 'two-cpus', index: '90', handlers });
// @ts-expect-error there is no such event
new NriPlugin({ name: 'x', index: '90', handlers: { createPod: () => ({}) } });
export const code: 'Canceled' | string = new TtrpcError('Canceled', 'why').code;
`;
    await writeFile(join(directory, 'typed.mts'), program);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, ...options, join(directory, 'typed.mts')], { cwd: directory }).catch(
      (error: { stdout: string }) => assert.fail(error.stdout),
    );
  });

  it('are all that examples/nri-logger needs, in under 40 lines', async (context) => {
    const path = join(ROOT, 'examples/nri-logger/nri-logger.ts');
    assert.ok((await readFile(path, 'utf8')).split('\n').length < 41);
    const { nriSocketPath, startContainer } = await startRuntime(context);
    const logger = spawn(process.execPath, [path, nriSocketPath], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    for await (const line of createInterface(logger.stdout)) {
      lines.push(line.slice(line.indexOf(' ') + 1));
      if (line.endsWith(' plugin synchronized')) void startContainer('db');
      if (line.includes(' started ')) break;
    }
    logger.kill();
    await once(logger, 'exit');
    assert.deepEqual(lines.slice(-3), [
      'run shop/db',
      'created shop/db/main cpus=any',
      'started shop/db/main cpus=any',
    ]);
    assert.ok(lines.includes('node has 0 pods, 0 containers'));
  });
});
