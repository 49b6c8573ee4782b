import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, constantFrom, nat, property } from 'fast-check';
import { nearestName, suggestName } from './nearest-name.ts';

const names = ['config', 'group-by', 'reservedCPUs', 'bind-address', 'v', 'vmodule'];

const cases: { name: string; want: string | undefined; because: string }[] = [
  { name: 'grup-by', want: 'group-by', because: 'a letter is missing' },
  { name: 'gorup-by', want: 'group-by', because: 'two letters are swapped' },
  { name: 'groupBy', want: 'group-by', because: 'capitals and dashes do not count' },
  { name: 'reservedCPU', want: 'reservedCPUs', because: 'a letter is missing at the end' },
  { name: 'RESERVED_CPUS', want: 'reservedCPUs', because: 'capitals and underscores do not count' },
  { name: 'bind-adress', want: 'bind-address', because: 'a letter is missing inside' },
  { name: 'v4', want: 'v', because: 'one of two letters is right' },
  { name: 'x', want: undefined, because: 'nothing of it is right' },
  { name: '', want: undefined, because: 'there is nothing to compare' },
  { name: 'kubelet', want: undefined, because: 'no name is near' },
  { name: 'c'.repeat(1_000), want: undefined, because: 'it is too long' },
];

for (const { name, want, because } of cases) {
  test(`nearestName of ${JSON.stringify(name.slice(0, 20))} is ${want ?? 'nothing'}: ${because}`, () => {
    assert.equal(nearestName(name, names), want);
  });
}

test('nearestName takes the nearest, and the first of equals', () => {
  assert.equal(nearestName('socet', ['sockets', 'socket']), 'socket');
  assert.equal(nearestName('cat', ['bat', 'rat']), 'bat');
});

test('nearestName finds a name with any one letter changed', () => {
  const candidates = ['kubeconfig', 'hostname-override', 'cpu-device-mode'];
  assertProperty(
    property(constantFrom(...candidates), nat(), (candidate, position) => {
      const at = position % candidate.length;
      assert.equal(nearestName(`${candidate.slice(0, at)}#${candidate.slice(at + 1)}`, candidates), candidate);
    }),
  );
});

test('suggestName asks, or says nothing', () => {
  assert.equal(suggestName('grup-by', names), '; did you mean "group-by"?');
  assert.equal(suggestName('kubelet', names), '');
});
