/** The long form of the tests that open and lose connections: 10,000 times, with the heap measured. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');

for (const file of ['src/ttrpc/ttrpc.test.ts', 'src/nri/session.test.ts']) {
  test(`${file}: 10,000 connections opened and lost leave nothing behind`, () => {
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--expose-gc', '--unhandled-rejections=strict', '--test-name-pattern=10000 times', join(ROOT, file)],
      { env: { ...environment, DRACPU_LONG_TESTS: '1' }, encoding: 'utf8', timeout: 120_000 },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /pass 1$/m);
  });
}
