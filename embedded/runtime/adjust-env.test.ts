import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adjustEnv, readEnvChanges } from './adjust-env.ts';

test('adjustEnv replaces a variable in its place and puts others to the end', () => {
  const changes = [
    { key: 'B', value: '9' },
    { key: 'C', value: '' },
  ];
  assert.deepEqual(adjustEnv(['A=1', 'B=2', 'D=x=y'], changes), ['A=1', 'B=9', 'D=x=y', 'C=']);
  assert.deepEqual(adjustEnv(['A=1', 'A=2', 'none'], []), ['A=1', 'A=2', 'none']);
});

test('adjustEnv has the faults of the real one: the second of a name wins, and entries without a value are lost', () => {
  assert.deepEqual(adjustEnv(['A=1', 'A=2', 'none'], [{ key: 'A', value: '9' }]), ['A=2']);
  assert.deepEqual(
    readEnvChanges([
      { key: '-A', value: '' },
      { key: 'B', value: '1' },
    ]),
    [{ key: 'B', value: '1' }],
  );
});
