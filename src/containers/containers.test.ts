import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ledger } from '../claims/ledger.ts';
import type { ClaimSharing } from '../claims/prepared-claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { silentLog } from '../lib/log.ts';
import { findMemoryNodes } from '../topology/memory-nodes.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpusetUpdate } from './container.ts';
import { Containers } from './containers.ts';
import { claimEnv, containerFacts, preparedClaim } from './testing/fixtures.ts';

/** CPUs 0-3 are of NUMA node 0, 4-7 of node 1. */
const machine = parseSynthetic('numa:2 core:4');

function newNode({
  cpus = '0-7',
  reserved = '',
  claimSharing = 'none',
}: {
  cpus?: string;
  reserved?: string;
  claimSharing?: ClaimSharing;
} = {}) {
  const supply = { allocatable: parseCpuList(cpus), reserved: parseCpuList(reserved) };
  const ledger = new Ledger(supply, { claimSharing });
  const findings: string[] = [];
  const containers = new Containers(ledger, silentLog, {
    findMemoryNodes: (list) => findMemoryNodes(machine, list),
    onFinding: (finding) => findings.push(finding),
    ownPodUid: 'pod-driver',
  });
  return { ledger, containers, findings };
}

const asText = (updates: readonly CpusetUpdate[]) =>
  updates.map(
    ({ containerId, cpus, memoryNodes }) => `${containerId} ${cpus}${memoryNodes ? ` memory ${memoryNodes}` : ''}`,
  );
const placesOf = (containers: Containers) =>
  Object.fromEntries(containers.decided.map(({ facts, cpus }) => [facts.id, cpus.toString()]));

test('Containers.create gives the claim its CPUs and moves shared containers away, only those that must', () => {
  const { ledger, containers } = newNode();
  assert.equal(String(containers.create(containerFacts('web')).cpus), '0-7');
  ledger.reserve(preparedClaim('u1', '2-3'));
  const { cpus, updates } = containers.create(containerFacts('db', { env: claimEnv('u1', '2-3') }));
  assert.deepEqual([String(cpus), asText(updates)], ['2-3', ['web 0-1,4-7']]);
  assert.deepEqual(containers.create(containerFacts('web2')).updates, []);
  ledger.reserve(preparedClaim('u2', '4'));
  const second = containers.create(containerFacts('db2', { env: claimEnv('u2', '4') }));
  assert.deepEqual(asText(second.updates), ['web 0-1,5-7', 'web2 0-1,5-7']);
});

test('Containers N1: with every allocatable CPU claimed, shared containers get the reserved ones', () => {
  const { ledger, containers } = newNode({ cpus: '1-23', reserved: '0' });
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '1-23'));
  const { updates } = containers.create(containerFacts('db', { env: claimEnv('u1', '1-23') }));
  assert.deepEqual(asText(updates), ['web 0']);
  assert.equal(String(containers.create(containerFacts('late')).cpus), '0');
});

test('Containers N1: with no CPU left at all a shared container is refused, never given all', () => {
  const { ledger, containers } = newNode();
  ledger.adopt(preparedClaim('u1', '0-7'));
  assert.throws(() => containers.create(containerFacts('web')), { code: 'SharedPoolEmpty' });
  assert.deepEqual(containers.synchronize([containerFacts('old')]), []);
});

test('Containers N4: a restarted container gets the same CPUs, whatever claims come meanwhile', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  for (let restart = 0; restart < 20; restart += 1) {
    const facts = containerFacts(`db-${restart}`, { name: 'main', podUid: 'pod', env: claimEnv('u1', '2-3') });
    assert.equal(String(containers.create(facts).cpus), '2-3');
    if (restart < 4) ledger.reserve(preparedClaim(`other-${restart}`, `${4 + restart}`.replace('7', '0')));
    containers.remove(facts.id);
  }
  assert.equal(String(ledger.find('u1')?.cpus), '2-3');
});

test('Containers: a claim that pods share goes from one that ended to the next, and to nobody while that one lives', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  const env = claimEnv('u1', '2-3');
  const refuses = (id: string) =>
    assert.throws(() => containers.create(containerFacts(id, { env })), { code: 'ClaimInUse' });
  containers.create(containerFacts('a', { env }));
  containers.podEnded('pod-a');
  refuses('b');
  containers.remove('a');
  refuses('b');
  containers.podEnded('pod-a');
  containers.podEnded('pod-a');
  assert.equal(String(containers.create(containerFacts('b', { env })).cpus), '2-3');
  containers.remove('b');
  containers.synchronize([], new Set(['pod-b']));
  refuses('c');
  containers.synchronize([], new Set(['pod-c']));
  assert.equal(String(containers.create(containerFacts('c', { env })).cpus), '2-3');
  assert.equal(ledger.taken.toString(), '2-3');
});

test('Containers N5: late Stop and Remove of an old instance do not touch the new one', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  const facts = { name: 'main', podUid: 'pod', env: claimEnv('u1', '2-3') };
  containers.create(containerFacts('old', facts));
  containers.create(containerFacts('new', facts));
  for (const id of ['old', 'old', 'never-seen']) assert.deepEqual(containers.remove(id), []);
  assert.deepEqual(placesOf(containers), { new: '2-3' });
});

for (const [what, env, code] of [
  ['a claim that is not prepared', ['DRA_CPUSET_x=0-7'], 'UnknownClaim'],
  ['an empty value', ['DRA_CPUSET_u1='], 'MalformedEnv'],
  ['a line end for a value', ['DRA_CPUSET_x=\n'], 'MalformedEnv'],
  ['half a range', ['DRA_CPUSET_u1=0-'], 'MalformedEnv'],
  ['no UID', ['DRA_CPUSET_=2-3'], 'MalformedEnv'],
  ['more CPUs than the claim has', ['DRA_CPUSET_u1=2-4'], 'ClaimMismatch'],
  ["another pod's claim", ['DRA_CPUSET_u1=2-3'], 'ClaimInUse'],
  ["its own claim and another pod's", ['DRA_CPUSET_u2=5', 'DRA_CPUSET_u1=2-3'], 'ClaimInUse'],
] as const) {
  test(`Containers N6: a container with ${what} is refused, and never gets a CPU of it at Synchronize`, () => {
    const { ledger, containers, findings } = newNode();
    ledger.reserve(preparedClaim('u1', '2-3'));
    ledger.reserve(preparedClaim('u2', '5'));
    const owner = containerFacts('db', { env: claimEnv('u1', '2-3') });
    containers.create(owner);
    assert.throws(() => containers.create(containerFacts('forged', { env })), { code });
    assert.deepEqual(placesOf(containers), { db: '2-3' });
    const updates = containers.synchronize([{ ...owner, cpus: '2-3' }, containerFacts('forged', { env, cpus: '0-7' })]);
    assert.deepEqual(asText(updates), ['forged 0-1,4,6-7']);
    for (const { facts } of containers.unverified) containers.settleUnverified(facts.id);
    assert.deepEqual(placesOf(containers), { db: '2-3', forged: '0-1,4,6-7' });
    assert.deepEqual([containers.find('db')?.claimUids, containers.find('forged')?.claimUids], [['u1'], []]);
    assert.deepEqual(findings, ['confined']);
  });
}

test('Containers N7, N8: containers created without the driver are narrowed at Synchronize and counted', () => {
  const { ledger, containers, findings } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  const updates = containers.synchronize([
    containerFacts('web'),
    containerFacts('malformed', { env: ['DRA_CPUSET_x=abc'] }),
    containerFacts('db', { env: claimEnv('u1', '2-3') }),
    containerFacts('known', { cpus: '0-1,4-7' }),
    // Nobody missed the driver's own container: there was no driver before it.
    containerFacts('driver'),
  ]);
  assert.deepEqual(asText(updates), ['web 0-1,4-7', 'malformed 0-1,4-7', 'db 2-3', 'driver 0-1,4-7']);
  assert.deepEqual(findings.sort(), ['confined', 'missed', 'missed', 'missed']);
  ledger.reserve(preparedClaim('u2', '7'));
  assert.deepEqual(asText(containers.takeDueUpdates()), [
    'web 0-1,4-6',
    'malformed 0-1,4-6',
    'known 0-1,4-6',
    'driver 0-1,4-6',
  ]);
});

test('Containers N14: containers that contradict each other are confined, the others served', () => {
  const { ledger, containers } = newNode({ cpus: '0-7' });
  ledger.reserve(preparedClaim('u1', '2-3'));
  const env = claimEnv('u1', '2-3');
  const updates = containers.synchronize([
    containerFacts('first', { env, cpus: '2-3' }),
    containerFacts('second', { env, cpus: '2-3' }),
    containerFacts('gone', { env: claimEnv('u9', '90-91'), cpus: '90-91' }),
    containerFacts('web', { cpus: '0-7' }),
  ]);
  assert.deepEqual(asText(updates), ['second 0-1,4-7', 'gone 0-1,4-7', 'web 0-1,4-7']);
});

test('Containers.usersOf N6: a confined container does not use the claim that its environment names', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  containers.synchronize([
    containerFacts('forged', { env: claimEnv('u1', '2-4') }),
    containerFacts('thief', { podNamespace: 'thieves', env: claimEnv('u1', '2-3') }),
  ]);
  assert.deepEqual(containers.usersOf('u1'), []);
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '2-3') })]);
  assert.equal(containers.usersOf('u1').length, 1);
});

test('Containers N14: no environment whatever breaks Synchronize, and none gives CPUs that are not its own', () => {
  const value = fc.oneof(fc.constantFrom('2-3', '0-7', '', '\n', '0-', '5'), fc.string({ maxLength: 8 }));
  const entry = fc
    .tuple(fc.constantFrom('u1', 'x', '', 'u1\n'), value)
    .map(([uid, cpus]) => `DRA_CPUSET_${uid}=${cpus}`);
  const facts = fc.record({
    env: fc.array(fc.oneof(entry, fc.string()), { maxLength: 3 }),
    cpus: fc.constantFrom('', '2-3', '0-7'),
  });
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 4 }), (list) => {
      const { ledger, containers } = newNode();
      ledger.reserve(preparedClaim('u1', '2-3'));
      const owner = containerFacts('db', { env: claimEnv('u1', '2-3'), cpus: '2-3' });
      containers.create(owner);
      containers.synchronize([owner, ...list.map((some, index) => containerFacts(`c${index}`, some))]);
      for (const { facts: unverified } of containers.unverified) containers.settleUnverified(unverified.id);
      for (const { facts: placed, cpus } of containers.decided) {
        assert.equal(cpus.toString(), placed.id === 'db' ? '2-3' : '0-1,4-7');
      }
    }),
  );
});

test('Containers N16: a change of resources states the cpuset again', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3'));
  containers.create(containerFacts('db', { env: claimEnv('u1', '2-3') }));
  assert.deepEqual(asText(containers.update(containerFacts('db'))), ['db 2-3']);
  assert.deepEqual(asText(containers.update(containerFacts('db'))), ['db 2-3']);
  assert.deepEqual(asText(containers.update(containerFacts('late'))), ['late 0-1,4-7'], 'it got no answer before');
});

test('Containers N2: after a release the shared containers are due, and stay due until told', () => {
  const { ledger, containers } = newNode();
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '2-3'));
  assert.deepEqual(asText(containers.takeDueUpdates()), ['web 0-1,4-7']);
  ledger.release('u1');
  const due = containers.takeDueUpdates();
  containers.settleUpdates(due, { applied: false });
  assert.deepEqual(asText(containers.takeDueUpdates()), ['web 0-7']);
  containers.settleUpdates(due, { applied: true });
  assert.deepEqual(containers.takeDueUpdates(), []);
});

test('Containers: an update that an answer overtook is due again', () => {
  const { ledger, containers } = newNode();
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '2-3'));
  const slow = containers.takeDueUpdates();
  ledger.reserve(preparedClaim('u2', '4'));
  assert.deepEqual(asText(containers.create(containerFacts('db', { env: claimEnv('u2', '4') })).updates), [
    'web 0-1,5-7',
  ]);
  containers.settleUpdates(slow, { applied: true });
  assert.deepEqual(asText(containers.takeDueUpdates()), ['web 0-1,5-7']);
});

test('Containers: answers repeat an update that is on its way outside a hook, until it is settled', () => {
  const { ledger, containers } = newNode();
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '2-3'));
  const sent = containers.dueUpdates;
  containers.sendUpdates(sent);
  const { updates } = containers.create(containerFacts('db', { env: claimEnv('u1', '2-3') }));
  assert.deepEqual([asText(sent), asText(updates)], [['web 0-1,4-7'], ['web 0-1,4-7']]);
  containers.settleUpdates(sent, { applied: true });
  assert.deepEqual(containers.dueUpdates, []);
  containers.sendUpdates(sent);
  containers.settleUpdates(sent, { applied: true });
  assert.deepEqual(containers.dueUpdates, []);
});

test('Containers: updates that are renewed count as told, whatever they were before', () => {
  const { ledger, containers } = newNode();
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '2-3'));
  const sent = containers.dueUpdates;
  containers.sendUpdates(sent);
  ledger.release('u1');
  assert.deepEqual(asText(containers.renewUpdates(sent)), ['web 0-7']);
  ledger.reserve(preparedClaim('u2', '2-3'));
  const { updates } = containers.create(containerFacts('db', { env: claimEnv('u2', '2-3') }));
  assert.deepEqual(asText(updates), ['web 0-1,4-7']);
});

test('Containers: the updates of an answer are due again when what it created never ran', () => {
  const { ledger, containers } = newNode();
  containers.create(containerFacts('web'));
  ledger.reserve(preparedClaim('u1', '2-3'));
  const db = (id: string) => containerFacts(id, { podUid: 'db', pid: undefined, env: claimEnv('u1', '2-3') });
  assert.deepEqual(asText(containers.create(db('failed')).updates), ['web 0-1,4-7']);
  assert.deepEqual(asText(containers.remove('failed')), ['web 0-1,4-7']);
  assert.deepEqual(asText(containers.create(db('silent')).updates), []);
  ledger.reserve(preparedClaim('u2', '4'));
  const other = containerFacts('db2', { pid: undefined, env: claimEnv('u2', '4') });
  assert.deepEqual(asText(containers.create(other).updates), ['web 0-1,5-7']);
  containers.started(containerFacts('db2'));
  assert.deepEqual(asText(containers.remove('db2')), []);
  // A runtime that does not say that the creation failed has the next one made under the same name.
  ledger.reserve(preparedClaim('u3', '5'));
  const third = (id: string) => containerFacts(id, { podUid: 'db3', pid: undefined, env: claimEnv('u3', '5') });
  containers.create(third('third'));
  assert.deepEqual(asText(containers.create(third('again')).updates), ['web 0-1,6-7']);
  assert.equal(containers.find('third'), undefined);
});

test('Containers: a pinned container without a file keeps its CPUs and shared ones keep away until it is checked', () => {
  const { ledger, containers } = newNode();
  const db = containerFacts('db', { env: claimEnv('u1', '2-3'), cpus: '2-3' });
  assert.deepEqual(asText(containers.synchronize([containerFacts('web', { cpus: '0-1,4-7' }), db])), []);
  assert.deepEqual(
    containers.unverified.map(({ facts }) => [facts.id, [...facts.claims.byUid.keys()]]),
    [['db', ['u1']]],
  );
  assert.equal(String(containers.create(containerFacts('web2')).cpus), '0-1,4-7');
  ledger.reserve(preparedClaim('u1', '2-3'));
  containers.settleUnverified('db');
  assert.deepEqual(containers.takeDueUpdates(), []);
  assert.deepEqual(placesOf(containers), { web: '0-1,4-7', web2: '0-1,4-7', db: '2-3' });
});

test('Containers: an unverified container is confined and its CPUs shared again when nobody vouches for it', () => {
  const { containers, findings } = newNode();
  containers.synchronize([
    containerFacts('web', { cpus: '0-1,4-7' }),
    containerFacts('db', { env: claimEnv('u1', '2-3'), cpus: '2-3' }),
  ]);
  containers.settleUnverified('db');
  assert.deepEqual(asText(containers.takeDueUpdates()), ['web 0-7', 'db 0-7']);
  assert.deepEqual(findings, ['confined']);
});

test('Containers: offline CPUs are not asked for; a container with none online shares the pool until one is back', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '4-6'));
  containers.create(containerFacts('web'));
  containers.create(containerFacts('db', { env: claimEnv('u1', '4-6') }));
  const offline = (cpus: string) => {
    containers.observeOnline(parseCpuList('0-7').difference(parseCpuList(cpus)));
    return asText(containers.takeDueUpdates());
  };
  assert.deepEqual(offline('5'), ['db 4,6']);
  assert.deepEqual(offline('4-6'), ['db 0-3,7']);
  assert.deepEqual(offline('4-7'), ['web 0-3', 'db 0-3']);
  assert.deepEqual(offline(''), ['web 0-3,7', 'db 4-6']);
});

test('Containers: whatever comes, no container overlaps a claim of others and none is without CPUs', () => {
  const step = fc.record({
    kind: fc.constantFrom('claim', 'release', 'shared', 'exclusive', 'end'),
    pick: fc.nat({ max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { ledger, containers } = newNode({ cpus: '1-7', reserved: '0' });
      /** What the runtime has. */
      const real = new Map<string, CpuSet>();
      const apply = (updates: readonly CpusetUpdate[]) => {
        for (const { containerId, cpus } of updates) if (real.has(containerId)) real.set(containerId, cpus);
      };
      let ids = 0;
      for (const { kind, pick } of steps) {
        const uid = `u${pick}`;
        const claim = ledger.find(uid);
        if (kind === 'claim' && !claim && ledger.free.size > 0) {
          const cpus = CpuSet.from(ledger.free.toArray().slice(0, pick + 1));
          ledger.reserve(preparedClaim(uid, String(cpus), { sharesPool: pick % 2 === 1 }));
        } else if (kind === 'release' && ![...real.keys()].includes(uid)) ledger.release(uid);
        else if (kind === 'end') {
          const id = [...real.keys()][pick];
          if (id === undefined) continue;
          real.delete(id);
          apply(containers.remove(id));
        } else if (kind === 'shared' || (kind === 'exclusive' && claim && !real.has(uid))) {
          const id = kind === 'shared' ? `s${(ids += 1)}` : uid;
          const env = kind === 'shared' || !claim ? [] : claimEnv(uid, claim.cpus);
          const { cpus, updates } = containers.create(containerFacts(id, { env }));
          real.set(id, cpus);
          apply(updates);
        }
        apply(containers.takeDueUpdates());
        for (const [id, cpus] of real) {
          assert.ok(!cpus.isEmpty);
          const own = ledger.find(id);
          const foreign = ledger.taken.difference(own?.cpus ?? CpuSet.empty);
          assert.ok(!cpus.intersects(foreign), `${id} on ${cpus}, of others ${foreign}`);
          const wanted = own?.sharesPool ? own.cpus.union(ledger.sharedPool) : (own?.cpus ?? ledger.sharedPool);
          assert.equal(String(cpus), String(wanted), id);
        }
      }
    }),
  );
});

test('Containers.create P16: with claimSharing "pod" an init and an application container run on the claim’s CPUs', () => {
  const { ledger, containers } = newNode({ claimSharing: 'pod' });
  ledger.reserve(preparedClaim('u1', '2-3'));
  const env = claimEnv('u1', '2-3');
  assert.equal(String(containers.create(containerFacts('init', { env, podUid: 'p1' })).cpus), '2-3');
  containers.remove('init');
  assert.equal(String(containers.create(containerFacts('app', { env, podUid: 'p1' })).cpus), '2-3');
  assert.throws(() => containers.create(containerFacts('other', { env, podUid: 'p2' })), { code: 'ClaimInUse' });
});

test('Containers binds the memory of a container whose claim asks for it, at creation and after every change', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '4-5', { memoryNodes: '1' }));
  const web = containers.create(containerFacts('web'));
  const db = containers.create(containerFacts('db', { env: claimEnv('u1', '4-5') }));
  assert.deepEqual([web.memoryNodes, String(db.memoryNodes), asText(db.updates)], [undefined, '1', []]);
  assert.deepEqual(containers.takeDueUpdates(), []);
  assert.deepEqual(asText(containers.update(containerFacts('db'))), ['db 4-5 memory 1']);
  assert.deepEqual(asText(containers.update(containerFacts('web'))), ['web 0-3,6-7']);
  assert.equal(String(containers.find('db')?.memoryNodes), '1');
});

test('Containers binds memory to the nodes of all claims of a container once one of them asks for it', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '0-1'));
  ledger.reserve(preparedClaim('u2', '4-5', { memoryNodes: '1' }));
  ledger.reserve(preparedClaim('u3', '6'));
  const env = [...claimEnv('u1', '0-1'), ...claimEnv('u2', '4-5')];
  assert.equal(String(containers.create(containerFacts('both', { env })).memoryNodes), '0-1');
  assert.equal(containers.create(containerFacts('third', { env: claimEnv('u3', '6') })).memoryNodes, undefined);
});

test('Containers.synchronize binds memory that is not bound, and leaves alone what is as decided or not its own', () => {
  const { ledger, containers } = newNode();
  for (const [uid, cpus] of [
    ['u1', '4'],
    ['u2', '5'],
    ['u3', '6'],
  ] as const) {
    ledger.reserve(preparedClaim(uid, cpus, { memoryNodes: '1' }));
  }
  ledger.reserve(preparedClaim('u4', '7'));
  const updates = containers.synchronize([
    containerFacts('bound', { env: claimEnv('u1', '4'), cpus: '4', mems: '1' }),
    containerFacts('missed', { env: claimEnv('u2', '5') }),
    containerFacts('elsewhere', { env: claimEnv('u3', '6'), cpus: '6', mems: '0' }),
    containerFacts('any', { env: claimEnv('u4', '7'), cpus: '7', mems: '0' }),
    containerFacts('web', { cpus: '0-3', mems: '0' }),
  ]);
  assert.deepEqual(asText(updates), ['elsewhere 6 memory 1', 'missed 5 memory 1']);
});

test('Containers keeps memory where it is when CPUs of the claim go offline', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '3-4', { memoryNodes: '0-1' }));
  containers.create(containerFacts('db', { env: claimEnv('u1', '3-4') }));
  for (const [online, wanted] of [
    ['0-3,5-7', '3'],
    ['0-2,5-7', '0-2,5-7'],
    ['0-7', '3-4'],
  ] as const) {
    containers.observeOnline(parseCpuList(online));
    assert.deepEqual(asText(containers.takeDueUpdates()), [`db ${wanted} memory 0-1`]);
  }
});

test('Containers binds the memory of an unverified container once its claim is confirmed', () => {
  const { ledger, containers } = newNode();
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '4-5'), cpus: '4-5' })]);
  assert.equal(containers.find('db')?.memoryNodes, undefined);
  ledger.reserve(preparedClaim('u1', '4-5', { memoryNodes: '1' }));
  containers.settleUnverified('db');
  assert.deepEqual(asText(containers.takeDueUpdates()), ['db 4-5 memory 1']);
});

test('Containers binds the memory of every container that shares the claim', () => {
  const { ledger, containers } = newNode({ claimSharing: 'pod' });
  ledger.reserve(preparedClaim('u1', '4-5', { memoryNodes: '1' }));
  for (const id of ['init', 'app']) {
    const { memoryNodes } = containers.create(containerFacts(id, { env: claimEnv('u1', '4-5'), podUid: 'p1' }));
    assert.equal(String(memoryNodes), '1');
  }
});

test('Containers: an update of CPUs alone does not settle one that binds memory too', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '4-5', { memoryNodes: '1' }));
  containers.create(containerFacts('db', { env: claimEnv('u1', '4-5') }));
  containers.settleUpdates([{ containerId: 'db', cpus: parseCpuList('4-5'), memoryNodes: undefined }], {
    applied: true,
  });
  assert.deepEqual(asText(containers.takeDueUpdates()), ['db 4-5 memory 1']);
});

test('Containers: a claim with shared CPUs gives its own and the shared pool, as it shrinks and widens', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3', { sharesPool: true }));
  const mixed = containers.create(containerFacts('mixed', { env: claimEnv('u1', '2-3') }));
  assert.deepEqual([String(mixed.cpus), String(mixed.exclusive), mixed.sharesPool], ['0-7', '2-3', true]);
  assert.deepEqual(asText(containers.create(containerFacts('web')).updates), []);
  ledger.reserve(preparedClaim('u2', '4-5'));
  const { updates } = containers.create(containerFacts('db', { env: claimEnv('u2', '4-5') }));
  assert.deepEqual(asText(updates), ['mixed 0-3,6-7', 'web 0-1,6-7']);
  ledger.release('u2');
  containers.remove('db');
  assert.deepEqual(placesOf(containers), { mixed: '0-7', web: '0-1,4-7' });
  ledger.release('u1');
  assert.deepEqual(asText(containers.remove('mixed')), ['web 0-7']);
});

test('Containers: with every allocatable CPU claimed, a container with shared CPUs has the reserved ones, or its own alone', () => {
  for (const [reserved, wanted] of [
    ['0', 'mixed 0-3'],
    ['', 'mixed 1-3'],
  ] as const) {
    const { ledger, containers } = newNode({ cpus: '1-7', reserved });
    ledger.reserve(preparedClaim('u1', '1-3', { sharesPool: true }));
    containers.create(containerFacts('mixed', { env: claimEnv('u1', '1-3') }));
    ledger.adopt(preparedClaim('u2', '4-7'));
    assert.deepEqual(asText(containers.takeDueUpdates()), [wanted]);
  }
});

test('Containers: one of several claims that shares CPUs is enough, and the exclusive CPUs are those of all', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '0'));
  ledger.reserve(preparedClaim('u2', '1', { sharesPool: true }));
  ledger.reserve(preparedClaim('u3', '2'));
  const env = [...claimEnv('u1', '0'), ...claimEnv('u2', '1')];
  const { cpus, exclusive } = containers.create(containerFacts('both', { env }));
  assert.deepEqual([String(cpus), String(exclusive)], ['0-1,3-7', '0-1']);
  assert.equal(String(containers.create(containerFacts('third', { env: claimEnv('u3', '2') })).cpus), '2');
});

test('Containers: the memory of a container with shared CPUs is bound to the nodes of its exclusive ones', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '4-5', { sharesPool: true, memoryNodes: '1' }));
  const { cpus, memoryNodes } = containers.create(containerFacts('mixed', { env: claimEnv('u1', '4-5') }));
  assert.deepEqual([String(cpus), String(memoryNodes)], ['0-7', '1']);
  ledger.reserve(preparedClaim('u2', '6-7'));
  assert.deepEqual(asText(containers.takeDueUpdates()), ['mixed 0-5 memory 1']);
});

test('Containers.synchronize leaves a container with shared CPUs where it is after a restart, and mends one that was missed', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3', { sharesPool: true }));
  ledger.reserve(preparedClaim('u2', '4', { sharesPool: true }));
  ledger.reserve(preparedClaim('u3', '5'));
  const updates = containers.synchronize([
    containerFacts('mixed', { env: claimEnv('u1', '2-3'), cpus: '0-3,6-7' }),
    containerFacts('missed', { env: claimEnv('u2', '4') }),
    containerFacts('narrow', { env: claimEnv('u3', '5'), cpus: '0-1,5-7' }),
  ]);
  assert.deepEqual(asText(updates), ['missed 0-1,4,6-7', 'narrow 5']);
  assert.deepEqual(asText(containers.update(containerFacts('mixed'))), ['mixed 0-3,6-7']);
});

test('Containers: a container with shared CPUs runs on when its own are offline, and has them again', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '2-3', { sharesPool: true }));
  containers.create(containerFacts('mixed', { env: claimEnv('u1', '2-3') }));
  for (const [online, wanted] of [
    ['0-2,4-7', '0-2,4-7'],
    ['0-1,4-7', '0-1,4-7'],
    ['0-7', '0-7'],
  ] as const) {
    containers.observeOnline(parseCpuList(online));
    assert.deepEqual(asText(containers.takeDueUpdates()), [`mixed ${wanted}`]);
  }
});

test('Containers: shared CPUs leave out those that an unverified container keeps', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('u1', '0', { sharesPool: true }));
  containers.synchronize([
    containerFacts('db', { env: claimEnv('u9', '2-3'), cpus: '2-3' }),
    containerFacts('mixed', { env: claimEnv('u1', '0'), cpus: '0-7' }),
  ]);
  assert.deepEqual(placesOf(containers), { db: '2-3', mixed: '0-1,4-7' });
});

test('Containers: a container with shared CPUs whose file is gone is in the pool until its claim is confirmed', () => {
  const { ledger, containers } = newNode();
  // Its wider cpuset is no proof: a container with a forged environment had one in the pool, too.
  assert.deepEqual(
    asText(containers.synchronize([containerFacts('mixed', { env: claimEnv('u1', '2-3'), cpus: '0-7' })])),
    [],
  );
  ledger.reserve(preparedClaim('u1', '2-3', { sharesPool: true }));
  containers.settleUnverified('mixed');
  containers.create(containerFacts('web'));
  assert.deepEqual(placesOf(containers), { mixed: '0-7', web: '0-1,4-7' });
});
