import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** The base itself, and what ends the process when the program contradicts itself. */
const OWN_BASES = ['CodedError', 'InvariantError'];

test('CodedError is the base of every error that the driver and the embedded node expect', () => {
  const direct = globSync('{src,embedded}/**/*.ts').flatMap((path) => {
    const classes = readFileSync(path, 'utf8').matchAll(/class (\w+)(?:<[^{]*>)? extends (?:\w*Error)\b(?!<)/g);
    return [...classes].filter(([text]) => !text.endsWith('CodedError')).map(([, name = '']) => name);
  });
  assert.deepEqual(direct.sort(), OWN_BASES);
});
