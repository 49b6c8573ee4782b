import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { adviseOnRequest, UnusedClaims } from './advice.ts';
import { containerFacts, preparedClaim } from './testing/fixtures.ts';

test('P17: adviseOnRequest names both numbers when a container asks for other than its claims give', () => {
  const facts = containerFacts('main');
  const advise = (claimedCpus: number, requestedMillis: number | undefined, sharesPool = false) =>
    adviseOnRequest({ facts, claimedCpus, sharesPool, requestedMillis })?.message ?? '';
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

const POD = { name: 'db', uid: 'pod-1' };
const CLAIM = preparedClaim('a', '2-3');
const OTHER = { podUid: 'pod-1', claimUids: [] };

test('P18: UnusedClaims finds a claim whose pod runs without using it, after a while and once', () => {
  const unused = new UnusedClaims();
  unused.prepared(CLAIM, [POD], 0);
  assert.deepEqual(unused.look([OTHER], 30_000), []);
  const [advice] = unused.look([OTHER], 60_000);
  assert.deepEqual(advice?.pod, { namespace: CLAIM.namespace, ...POD });
  assert.match(advice?.message ?? '', /holds CPUs 2-3 and no container uses it/);
  assert.deepEqual(unused.look([OTHER], 90_000), []);
});

test('UnusedClaims says nothing of a claim that is used, whose pod does not run yet, that takes no CPUs or is given back', () => {
  const unused = new UnusedClaims();
  unused.prepared(CLAIM, [POD], 0);
  assert.deepEqual(unused.look([], 120_000), [], 'its image may still be pulled');
  assert.deepEqual(unused.look([{ podUid: 'pod-1', claimUids: ['a'] }], 120_000), []);
  assert.deepEqual(unused.look([OTHER], 240_000), [], 'it was used once');
  unused.prepared({ ...CLAIM, uid: 'b', cpus: CpuSet.empty }, [POD], 0);
  unused.prepared({ ...CLAIM, uid: 'c' }, [POD], 0);
  unused.unprepared('c');
  assert.deepEqual(unused.look([OTHER], 240_000), []);
});
