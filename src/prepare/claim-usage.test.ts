import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { ClaimUsage } from './claim-usage.ts';
import type { ContainerFacts, DecidedContainer } from '../containers/container.ts';
import { containerFacts, preparedClaim } from '../containers/testing/fixtures.ts';

const POD = { name: 'db', uid: 'pod-db' };
const CLAIM = preparedClaim('a', '2-3');

/** A container of pod `db`, with CPUs 2-3 of claim `a` unless it is a shared one. */
function container(name: string, isShared: boolean, facts: Partial<ContainerFacts> = {}): DecidedContainer {
  const cpus = parseCpuList(isShared ? '0-1' : '2-3');
  return {
    facts: containerFacts('db', { name, ...facts }),
    cpus,
    memoryNodes: undefined,
    exclusive: isShared ? undefined : cpus,
    sharesPool: false,
    claimUids: isShared ? [] : ['a'],
  };
}
const other = container('sidecar', true);
const user = (requestedMillis?: number) => container('main', false, { requestedMillis });
const newUsage = () => new ClaimUsage({ judgesRequests: true });
const said = (usage: ClaimUsage) =>
  usage.conditionsOf('a').map(({ type, status, reason }) => `${type}=${status} ${reason}`);

test('P18: ClaimUsage finds a claim whose pod runs without using it, tells its author once and its status until it is used', () => {
  const usage = newUsage();
  usage.prepared(CLAIM, [POD], 0);
  assert.deepEqual(usage.look([other], 59_000), []);
  assert.deepEqual(said(usage), []);
  const [advice] = usage.look([other], 60_000);
  assert.deepEqual(advice?.regarding, { kind: 'Pod', namespace: CLAIM.namespace, ...POD });
  assert.match(advice?.message ?? '', /holds CPUs 2-3 and no container uses it: name it in the resources.claims/);
  assert.deepEqual(usage.look([other], 90_000), []);
  assert.deepEqual(said(usage), ['Unused=True ClaimNotUsed']);
  assert.equal(usage.conditionsOf('a')[0]?.message, advice?.message);
  usage.look([], 600_000);
  assert.deepEqual(said(usage), ['Unused=True ClaimNotUsed'], 'while containers crash it is not written to and fro');
  usage.look([other, user()], 605_000);
  assert.deepEqual(said(usage), []);
  usage.look([other], 900_000);
  assert.deepEqual(said(usage), [], 'it was used once, and its container may be started again');
});

test('P18: ClaimUsage watches a claim from before a restart of the driver, longer than a crashed container waits', () => {
  const usage = newUsage();
  usage.prepared(CLAIM, undefined, 0);
  assert.deepEqual(usage.look([other], 359_000), []);
  assert.deepEqual(said(usage), []);
  const [advice] = usage.look([other], 360_000);
  assert.deepEqual(advice?.regarding, { kind: 'ResourceClaim', namespace: 'shop', name: 'a', uid: 'a' });
  assert.match(
    advice?.message ?? '',
    /no container uses it: its pod does not start, or no container of it names the claim/,
  );
  assert.deepEqual(said(usage), ['Unused=True NoContainer']);
  usage.prepared(CLAIM, [POD], 400_000);
  assert.equal(usage.look([other], 400_000)[0]?.regarding.kind, 'Pod', 'its pod is known by now');
  assert.deepEqual(said(usage), ['Unused=True ClaimNotUsed']);
  usage.unprepared('a');
  assert.deepEqual(said(usage), []);
});

test('ClaimUsage tells the status alone of a claim whose pod does not start: the kubelet tells the pod', () => {
  const usage = newUsage();
  usage.prepared(CLAIM, [POD], 0);
  assert.deepEqual(usage.look([], 120_000), [], 'its image may still be pulled');
  assert.deepEqual(said(usage), []);
  assert.deepEqual(usage.look([], 360_000), []);
  assert.deepEqual(said(usage), ['Unused=True NoContainer']);
  usage.look([user()], 365_000);
  assert.deepEqual(said(usage), []);
});

test('ClaimUsage says nothing of a claim that is used, that takes no CPUs or that is given back', () => {
  const usage = newUsage();
  usage.prepared(CLAIM, [POD], 0);
  assert.deepEqual(usage.look([user()], 120_000), []);
  usage.prepared({ ...CLAIM, uid: 'b', cpus: CpuSet.empty }, [POD], 0);
  usage.prepared({ ...CLAIM, uid: 'c' }, [POD], 0);
  usage.unprepared('c');
  assert.deepEqual(usage.look([other], 600_000), []);
  assert.deepEqual([...usage.conditionsOf('b'), ...usage.conditionsOf('c'), ...usage.conditionsOf('a')], []);
});

test('P17: ClaimUsage tells a claim that its container asks for another number of CPUs, until it does not', () => {
  const usage = newUsage();
  usage.look([user(4_000), container('other', false, { podUid: 'pod-2', requestedMillis: 2_000 })], 0);
  assert.deepEqual(said(usage), ['Mismatched=True CPURequestMismatch']);
  assert.match(usage.conditionsOf('a')[0]?.message ?? '', /^Container main asks for 4 CPUs and its claims give it 2/);
  usage.look([other], 5_000);
  assert.deepEqual(said(usage), ['Mismatched=True CPURequestMismatch'], 'while it is started again');
  usage.look([user(2_000)], 10_000);
  assert.deepEqual(said(usage), []);
  usage.look([user(1_000)], 15_000);
  usage.unprepared('a');
  assert.deepEqual(said(usage), []);
});

test('P17: ClaimUsage does not judge requests where the scheduler counts them as one with the claim', () => {
  const usage = new ClaimUsage({ judgesRequests: false });
  usage.look([user(4_000)], 0);
  assert.deepEqual(said(usage), []);
});
