import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviseOnRequest } from './advice.ts';
import { containerFacts } from '../containers/testing/fixtures.ts';

test('P17: adviseOnRequest names both numbers when a container asks for other than its claims give', () => {
  const advise = (claimedCpus: number, requestedMillis: number | undefined, sharesPool = false) =>
    adviseOnRequest({ facts: containerFacts('main', { requestedMillis }), claimedCpus, sharesPool })?.message ?? '';
  assert.equal(advise(4, 4_000), '');
  assert.equal(advise(4, undefined), '');
  assert.equal(advise(3, 3_001), '', 'shares come back rounded');
  assert.match(
    advise(4, 2_000),
    /^Container main asks for 2 CPUs and its claims give it 4: .* to 4, or leave them out/,
  );
  assert.match(advise(2, 2_500), /asks for 2\.5 CPUs and its claims give it 2/);
  assert.equal(advise(2, 2_500, true), '', 'half a CPU of the shared ones');
  assert.match(advise(2, 1_500, true), /limits\.cpu to 2 and what it needs of the shared CPUs, or leave them out/);
});
