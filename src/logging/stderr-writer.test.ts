import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { StderrWriter } from './stderr-writer.ts';

const LOGGER = join(import.meta.dirname, 'logger.ts');

function failWith(code: string): never {
  throw Object.assign(new Error(code), { code });
}

test('StderrWriter writes a line whole, however little the pipe takes at once', () => {
  const written: number[] = [];
  let isFull = false;
  const writer = new StderrWriter((bytes) => {
    isFull = !isFull;
    if (isFull) failWith('EAGAIN');
    const part = bytes.subarray(0, 3);
    written.push(...part);
    return part.length;
  });
  writer.write('text of several bytes: ä\n');
  assert.equal(Buffer.from(written).toString(), 'text of several bytes: ä\n');
});

test('StderrWriter drops what a full pipe does not take in 100 ms, and goes on with the next line', () => {
  let isFull = true;
  let written = '';
  const writer = new StderrWriter((bytes) => {
    if (isFull) failWith('EAGAIN');
    written += Buffer.from(bytes).toString();
    return bytes.length;
  });
  const startMs = performance.now();
  writer.write('lost\n');
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 90 && tookMs < 2_000, `${tookMs} ms`);
  isFull = false;
  writer.write('kept\n');
  assert.equal(written, 'kept\n');
});

test('StderrWriter never throws when standard error is closed', () => {
  for (const code of ['EPIPE', 'EBADF', 'EIO']) new StderrWriter(() => failWith(code)).write('line\n');
});

test('createLogger writes the last line before the process exits', () => {
  const script = `const { createLogger } = await import(${JSON.stringify(LOGGER)});
    createLogger({ format: 'text', verbosity: 0 }).forModule('main').error('last'); process.exit(3);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  assert.equal(status, 3);
  assert.match(stderr, /main\] "last"\n$/);
});
