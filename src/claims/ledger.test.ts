import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { Ledger } from './ledger.ts';
import type { ClaimOwner, PreparedClaim } from './prepared-claim.ts';
import { parseCpuList } from '../cpuset/parse.ts';

const prepared = (uid: string, cpus: CpuSet): PreparedClaim => ({
  uid,
  namespace: 'shop',
  name: uid,
  users: { pods: [], others: true },
  assignments: [{ request: 'r', pool: 'p', device: 'd', shareId: undefined, cpus }],
  cpus,
});
const owner = (containerName: string, podUid = 'pod-1'): ClaimOwner => ({
  podUid,
  podNamespace: 'shop',
  podName: podUid,
  containerName,
});
/** Admits a container; the CPUs that it gets. */
function admit(ledger: Ledger, wanted: ReadonlyMap<string, string>, container: ClaimOwner): string {
  return CpuSet.unionOf(ledger.admit(wanted, container).map(({ cpus }) => cpus)).toString();
}
const eightCpus = { allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty };

test('Ledger.reserve takes CPUs out of the shared pool and release gives them back', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('db', CpuSet.of(2, 3)));
  assert.equal(ledger.sharedPool.toString(), '0-1,4-7');
  assert.equal(ledger.taken.toString(), '2-3');
  assert.equal(ledger.release('db')?.name, 'db');
  assert.equal(ledger.release('db'), undefined);
  assert.equal(ledger.sharedPool.toString(), '0-7');
});

test('Ledger.reserve P14: refuses CPUs of another claim and names the holder', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('cache', CpuSet.of(4, 5)));
  assert.throws(() => ledger.reserve(prepared('db', CpuSet.of(3, 4, 5))), {
    code: 'Conflict',
    message: 'Cannot prepare claim shop/db: CPUs 4-5 belong to claim shop/cache (CPUs 4-5)',
  });
  assert.equal(ledger.free.toString(), '0-3,6-7');
});

test('Ledger.reserve refuses CPUs that are not the node’s to give', () => {
  const ledger = new Ledger(eightCpus);
  assert.throws(() => ledger.reserve(prepared('db', CpuSet.of(7, 8))), { code: 'NotEnoughCPUs' });
});

test('Ledger.reserve N1: never leaves the shared pool empty without reserved CPUs', () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 3), reserved: CpuSet.empty });
  ledger.reserve(prepared('cache', CpuSet.of(0, 1)));
  assert.throws(
    () => ledger.reserve(prepared('db', CpuSet.of(2, 3))),
    (error: Error & { code: string }) => error.code === 'SharedPoolEmpty' && error.message.includes('shop/cache'),
  );
});

test('Ledger.sharedPool falls back to the reserved CPUs when claims hold all others', () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(1, 3), reserved: CpuSet.of(0) });
  ledger.reserve(prepared('db', CpuSet.range(1, 3)));
  assert.equal(ledger.sharedPool.toString(), '0');
});

test('Ledger.adopt keeps a claim whatever it collides with and gives its CPUs to nobody else', () => {
  const ledger = new Ledger(eightCpus);
  assert.ok(ledger.adopt(prepared('a', CpuSet.of(0, 1))).isEmpty);
  assert.equal(ledger.adopt(prepared('b', CpuSet.of(1, 2))).toString(), '1');
  ledger.release('a');
  assert.equal(ledger.free.toString(), '0,3-7');
});

test('Ledger.admit gives a container the union of its claims', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('a', CpuSet.of(1)));
  ledger.reserve(prepared('b', CpuSet.of(3)));
  const wanted = new Map([
    ['a', CpuSet.of(1).toString()],
    ['b', CpuSet.of(3).toString()],
  ]);
  assert.equal(admit(ledger, wanted, owner('main')), '1,3');
  assert.equal(admit(ledger, wanted, owner('main')), '1,3', 'a restarted container is the same owner');
});

test('Ledger.admit refuses unknown claims, other CPUs and a second owner, naming both sides', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('a', CpuSet.of(1, 2)));
  assert.throws(() => ledger.admit(new Map([['x', CpuSet.of(1).toString()]]), owner('main')), {
    code: 'UnknownClaim',
    message:
      'Cannot admit container main of pod shop/pod-1: its environment gives it CPUs 1 of claim UID x, which is not prepared on ' +
      'this node; remove the variable from the pod; if its spec has none, delete the pod, so that its claim is prepared again',
  });
  assert.throws(
    () => ledger.admit(new Map([['a', CpuSet.of(1).toString()]]), owner('main')),
    (error: Error & { code: string }) => error.code === 'ClaimMismatch' && /CPUs 1 .*CPUs 1-2/.test(error.message),
  );
  ledger.admit(new Map([['a', CpuSet.of(1, 2).toString()]]), owner('main'));
  for (const other of [owner('side'), owner('main', 'pod-2')]) {
    assert.throws(
      () => ledger.admit(new Map([['a', CpuSet.of(1, 2).toString()]]), other),
      (error: Error & { code: string }) =>
        error.code === 'ClaimInUse' && error.message.includes('container main of pod shop/pod-1'),
    );
  }
});

test('Ledger.admit N6: refuses a container of another namespace, also before the claim’s own container came', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('a', CpuSet.of(1, 2)));
  const wanted = new Map([['a', CpuSet.of(1, 2).toString()]]);
  assert.throws(
    () => ledger.admit(wanted, { ...owner('main'), podNamespace: 'thieves' }),
    (error: Error & { code: string }) =>
      error.code === 'ClaimMismatch' &&
      error.message.includes('shop/a, which is for pods of namespace shop only; remove the variable from the pod'),
  );
  assert.equal(ledger.ownerOf('a'), undefined);
  assert.equal(admit(ledger, wanted, owner('main')), '1-2');
});

test('Ledger.admit P16: with claimSharing "pod" serves the containers of one pod, and names the owner to another pod', () => {
  const ledger = new Ledger(eightCpus, { claimSharing: 'pod' });
  ledger.reserve(prepared('a', CpuSet.of(1, 2)));
  const wanted = new Map([['a', CpuSet.of(1, 2).toString()]]);
  assert.equal(admit(ledger, wanted, owner('init')), '1-2');
  assert.equal(admit(ledger, wanted, owner('main')), '1-2');
  assert.throws(() => ledger.admit(wanted, owner('main', 'pod-2')), {
    code: 'ClaimInUse',
    message:
      'Cannot admit container main of pod shop/pod-2: claim shop/a is used by container main of pod shop/pod-1; ' +
      'the containers of one pod may share a claim, give each pod a claim of its own (a ResourceClaimTemplate does)',
  });
});

test('Ledger R6: CPUs that are reserved while a claim holds them stay with it, and are set aside when it is released', () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(4, 7), reserved: CpuSet.range(0, 3) });
  assert.ok(ledger.adopt(prepared('old', CpuSet.of(3, 4))).isEmpty);
  assert.equal(ledger.reservedInUse.toString(), '3');
  assert.equal(admit(ledger, new Map([['old', CpuSet.of(3, 4).toString()]]), owner('main')), '3-4');
  assert.deepEqual([ledger.free.toString(), ledger.sharedPool.toString()], ['5-7', '5-7']);
  ledger.reserve(prepared('new', CpuSet.of(5, 6, 7)));
  assert.equal(ledger.sharedPool.toString(), '0-2', 'the reserved CPUs but the one in use');
  ledger.release('old');
  assert.deepEqual([ledger.free.toString(), ledger.reservedInUse.isEmpty], ['4', true]);
});

test('Ledger gives CPUs that only shared containers may use to no claim, and counts them for the shared pool', () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(2, 3), sharedOnly: CpuSet.of(0, 1), reserved: CpuSet.empty });
  assert.equal(ledger.sharedPool.toString(), '0-3');
  assert.throws(() => ledger.reserve(prepared('a', CpuSet.of(1))), { code: 'NotEnoughCPUs' });
  ledger.reserve(prepared('a', CpuSet.of(2, 3)));
  assert.equal(ledger.sharedPool.toString(), '0-1');
});

test('Ledger.admit changes no owner when one of several claims is refused', () => {
  const ledger = new Ledger(eightCpus);
  ledger.reserve(prepared('a', CpuSet.of(1)));
  const wanted = new Map([
    ['a', CpuSet.of(1).toString()],
    ['x', CpuSet.of(2).toString()],
  ]);
  assert.throws(() => ledger.admit(wanted, owner('main')));
  assert.equal(ledger.ownerOf('a'), undefined);
});

test('Ledger keeps claims disjoint over any sequence of reserve and release', () => {
  const step = fc.record({
    uid: fc.constantFrom('a', 'b', 'c', 'd'),
    cpus: fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const ledger = new Ledger(eightCpus);
      for (const { uid, cpus } of steps) {
        if (ledger.find(uid)) ledger.release(uid);
        else {
          try {
            ledger.reserve(prepared(uid, CpuSet.from(cpus)));
          } catch (error) {
            assert.equal((error as Error).name, 'ClaimError');
          }
        }
        const sizes = ledger.claims.reduce((sum, claim) => sum + claim.cpus.size, 0);
        assert.equal(ledger.taken.size, sizes);
        assert.ok(ledger.taken.isSubsetOf(eightCpus.allocatable));
        assert.ok(!ledger.sharedPool.isEmpty && !ledger.sharedPool.intersects(ledger.taken));
      }
    }),
  );
});

test('Ledger gives containers without a claim no CPU that containers cannot have, reserved or not', () => {
  const cpus = (text: string) => parseCpuList(text);
  const ledger = new Ledger({ allocatable: cpus('2-3'), reserved: cpus('0-1'), outside: cpus('0') });
  ledger.adopt(prepared('u1', cpus('2-3')));
  assert.equal(ledger.sharedPool.toString(), '1');
  assert.equal(ledger.fallbackPool.toString(), '1');
  const narrow = new Ledger({ allocatable: cpus('2-3'), reserved: cpus('0-1'), outside: cpus('0-1') });
  assert.throws(() => narrow.reserve(prepared('u1', cpus('2-3'))), { code: 'SharedPoolEmpty' });
});
