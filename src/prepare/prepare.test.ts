import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { formatClaimRecord, parseClaimRecord } from '../records/claim-record.ts';
import { Ledger } from '../claims/ledger.ts';
import { allocatedClaim, smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { Containers } from '../containers/containers.ts';
import { ClaimFixture, referenceTo } from './testing/claim-fixture.ts';

const NUMA = 'cpudevnuma000';

/** A fixture whose API server has claims of the given sizes, allocated from the one NUMA node. */
function withClaims(
  sizes: Record<string, string>,
  options?: ConstructorParameters<typeof ClaimFixture>[0],
): ClaimFixture {
  const fixture = new ClaimFixture(options);
  for (const [uid, cpus] of Object.entries(sizes))
    fixture.objects.set(uid, allocatedClaim(uid, [{ device: NUMA, cpus }]));
  return fixture;
}

test('ClaimService.prepare gives whole cores, writes the file and answers with the CDI device', async () => {
  const fixture = withClaims({ a: '4' });
  assert.deepEqual(await fixture.prepare('a'), [
    {
      uid: 'a',
      devices: [
        {
          requestNames: ['cpus'],
          poolName: 'node-a',
          deviceName: NUMA,
          cdiDeviceIds: ['dra.k8s.io/cpu=claim-a', 'dra.cpu/metadata=a_cpus'],
        },
      ],
    },
  ]);
  assert.equal(fixture.records.get('a')?.claim.cpus.toString(), '0-1,8-9');
  assert.equal(fixture.ledger.taken.toString(), '0-1,8-9');
});

test('ClaimService.prepare P4: lists only our devices, keeps devices of a claim apart and gives the same answer again', async () => {
  const fixture = new ClaimFixture();
  fixture.objects.set(
    'a',
    allocatedClaim('a', [
      { device: NUMA, cpus: '2', request: 'one', shareID: 's1' },
      { device: 'gpu-0', driver: 'gpu.example.com', request: 'gpu' },
      { device: NUMA, cpus: '2', request: 'two', shareID: 's2' },
    ]),
  );
  const first = await fixture.prepare('a');
  assert.deepEqual(first, await fixture.prepare('a'));
  assert.deepEqual(first, await fixture.prepare('a'));
  assert.deepEqual(
    first
      .flatMap((outcome) => ('devices' in outcome ? outcome.devices : []))
      .map(({ requestNames, shareId }) => [requestNames[0], shareId]),
    [
      ['one', 's1'],
      ['two', 's2'],
    ],
  );
  const [one, two] = fixture.records.get('a')?.claim.assignments ?? [];
  assert.notEqual(one?.cpus, two?.cpus);
  assert.equal(fixture.ledger.taken.size, 4);
});

test('ClaimService.prepare tells the container its CPUs with core, NUMA node, L3 and siblings', async () => {
  const fixture = withClaims({ a: '2' });
  await fixture.prepare('a');
  const attributes = fixture.metadata.get('a')?.[0]?.devices[0]?.attributes ?? {};
  assert.deepEqual(attributes['dra.cpu/allocatedNumCPUs'], { int: 2 });
  assert.deepEqual(attributes['dra.cpu/cpuset'], { string: '0,8' });
  assert.deepEqual(attributes['dra.cpu/cpuIDs'], { ints: [0, 8] });
  assert.deepEqual(attributes['dra.cpu/coreIDs'], { ints: [0, 0] });
  assert.deepEqual(attributes['dra.cpu/siblings'], { strings: ['0,8', '0,8'] });
  assert.deepEqual(attributes['dra.cpu/numaNodeID'], { int: 0 });
  await fixture.service.unprepare([referenceTo('a')]);
  assert.equal(fixture.metadata.size, 0);
});

test('ClaimService.prepare answers a foreign claim with no devices and takes nothing', async () => {
  const fixture = new ClaimFixture();
  fixture.objects.set('a', allocatedClaim('a', [{ device: 'gpu-0', driver: 'gpu.example.com' }]));
  assert.deepEqual(await fixture.prepare('a'), [{ uid: 'a', devices: [] }]);
  assert.equal(fixture.records.size, 0);
});

test('ClaimService.prepare gives each claim its own error, exactly one entry each', async () => {
  const fixture = withClaims({ a: '2', b: '99' });
  const outcomes = await fixture.prepare('a', 'b', 'missing', 'a');
  assert.deepEqual(
    outcomes.map((outcome) => [outcome.uid, 'error' in outcome]),
    [
      ['a', false],
      ['b', true],
      ['missing', true],
    ],
  );
});

for (const [bad, id] of [
  [undefined, 'P1: a missing capacity'],
  ['0', 'P2: capacity 0'],
  ['-1', 'P2: capacity -1'],
  ['1500m', 'P2: capacity 1500m'],
  ['1e30', 'P2: capacity 1e30'],
] as const) {
  test(`ClaimService.prepare ${id} is an error that names the value, nothing is reserved`, async () => {
    const fixture = new ClaimFixture();
    fixture.objects.set('a', allocatedClaim('a', [{ device: NUMA, ...(bad === undefined ? {} : { cpus: bad }) }]));
    const error = await fixture.prepareError('a');
    assert.match(error, /^Cannot prepare claim default\/claim-a: /);
    assert.match(error, new RegExp(bad?.replace('e', 'e\\+?') ?? 'consumedCapacity'));
    assert.ok(fixture.ledger.taken.isEmpty);
    assert.equal(fixture.records.size, 0);
  });
}

test('ClaimService.prepare P5: a file that cannot be written gives the CPUs back, and the next try works', async () => {
  const fixture = withClaims({ a: '4' });
  fixture.diskError = new Error('read-only file system');
  assert.match(await fixture.prepareError('a'), /read-only file system/);
  assert.ok(fixture.ledger.taken.isEmpty);
  fixture.diskError = undefined;
  assert.equal(await fixture.prepareError('a'), '');
});

test('ClaimService.prepare says which claim could not be recorded, and takes back a file whose write failed late', async () => {
  const fixture = withClaims({ a: '4' });
  fixture.lateDiskError = new Error('the directory cannot be synced');
  assert.equal(
    await fixture.prepareError('a'),
    'Cannot prepare claim default/claim-a: its files cannot be written: the directory cannot be synced',
  );
  assert.deepEqual([fixture.ledger.taken.isEmpty, fixture.records.size], [true, 0]);
});

test('ClaimService.prepare keeps the CPUs of a claim whose file may be there, until it can be removed or is written', async () => {
  for (const next of ['prepare', 'unprepare'] as const) {
    const fixture = withClaims({ a: '4' });
    fixture.lateDiskError = fixture.removalError = new Error('input/output error');
    assert.match(await fixture.prepareError('a'), /its files cannot be written: input\/output error/);
    assert.deepEqual([fixture.ledger.taken.size, fixture.records.has('a')], [4, true]);
    fixture.lateDiskError = fixture.removalError = undefined;
    if (next === 'prepare') assert.equal(await fixture.prepareError('a'), '');
    else await fixture.service.unprepare([referenceTo('a')]);
    assert.deepEqual(
      [fixture.ledger.taken.size, fixture.records.has('a')],
      next === 'prepare' ? [4, true] : [0, false],
    );
  }
});

test('ClaimService ends calls on one claim in the order in which they came, however long the API server takes', async () => {
  const fixture = withClaims({ a: '4' });
  const answer = Promise.withResolvers<void>();
  fixture.whenApiAnswers = () => answer.promise;
  const prepared = fixture.prepare('a');
  const unprepared = fixture.service.unprepare([referenceTo('a')]);
  answer.resolve();
  await Promise.all([prepared, unprepared]);
  assert.deepEqual([fixture.ledger.taken.isEmpty, fixture.records.size], [true, 0]);
});

test('ClaimService.prepare leaves no file behind when the container cannot be told its devices', async () => {
  const fixture = withClaims({ a: '4' });
  fixture.metadataError = new Error('no space left on device');
  assert.match(await fixture.prepareError('a'), /no space left on device/);
  assert.ok(fixture.ledger.taken.isEmpty);
  assert.equal(fixture.records.size, 0);
  fixture.metadataError = undefined;
  assert.equal(await fixture.prepareError('a'), '');
});

test('ClaimService.prepare P7: fifty claims at once get disjoint CPUs', async () => {
  const uids = Array.from({ length: 50 }, (_, index) => `c${index}`);
  const fixture = withClaims(Object.fromEntries(uids.map((uid) => [uid, '1'])), { reserved: CpuSet.of(0) });
  await Promise.all(uids.map((uid) => fixture.prepare(uid)));
  const cpus = fixture.ledger.claims.flatMap((claim) => claim.cpus.toArray());
  assert.equal(cpus.length, 15);
  assert.equal(new Set(cpus).size, 15);
});

test('ClaimService.prepare P14: a device the scheduler gave twice is refused, naming the first claim', async () => {
  const fixture = new ClaimFixture({ mode: { kind: 'individual' } });
  for (const uid of ['a', 'b']) fixture.objects.set(uid, allocatedClaim(uid, [{ device: 'cpudev003' }]));
  assert.equal(await fixture.prepareError('a'), '');
  assert.match(await fixture.prepareError('b'), /default\/claim-b/);
  assert.equal(fixture.ledger.claims.length, 1);
});

test('ClaimService.prepare says that a claim was replaced, is not allocated or malformed', async () => {
  const fixture = new ClaimFixture();
  const allocated = allocatedClaim('other', [{ device: NUMA, cpus: '1' }]);
  for (const [object, message] of [
    [allocated, /was replaced, the API server has UID other/],
    [{ ...allocated, metadata: { uid: 'a' }, status: {} }, /has no allocation/],
    [
      { metadata: { uid: 'a' }, status: { allocation: { devices: { results: 7 } } } },
      /status\.allocation\.devices\.results is 7; want a list/,
    ],
  ] as const) {
    fixture.objects.set('a', object);
    assert.match(await fixture.prepareError('a'), message);
  }
});

test('ClaimService.prepare answers a claim it knows while the API server is away, and no other', async () => {
  const fixture = withClaims({ a: '2', b: '2' });
  const [before] = await fixture.prepare('a');
  fixture.apiError = new Error('connect ECONNREFUSED');
  const [again, unknown] = await fixture.prepare('a', 'b');
  assert.deepEqual(again, before);
  assert.match(
    unknown && 'error' in unknown ? unknown.error : '',
    /API server could not be asked for it: connect ECONNREFUSED/,
  );
});

test('ClaimService.prepare P9: waits until containers are pinned, but not for a claim it knows', async () => {
  const fixture = withClaims({ a: '2', b: '2' });
  await fixture.prepare('a');
  fixture.whenPinning = async () => 'no NRI connection';
  assert.equal(await fixture.prepareError('a'), '');
  assert.match(await fixture.prepareError('b'), /^Cannot prepare claim default\/claim-b: .*no NRI connection/);
});

test('ClaimService.prepare P19: takes CPUs of its device only, where core ids repeat and the other socket is full', async () => {
  const topology = smtMachine({ nodes: 2, cores: 4 });
  const fixture = new ClaimFixture({ topology, reserved: CpuSet.of(0) });
  const sizes = { other: ['cpudevnuma001', '8'], one: [NUMA, '4'], two: [NUMA, '3'] } as const;
  for (const [uid, [device, cpus]] of Object.entries(sizes)) {
    fixture.objects.set(uid, allocatedClaim(uid, [{ device, cpus }]));
    assert.equal(await fixture.prepareError(uid), '');
  }
  assert.equal(fixture.records.get('one')?.claim.cpus.toString(), '1-2,9-10');
  assert.equal(fixture.records.get('two')?.claim.cpus.toString(), '3,8,11');
  fixture.objects.set('more', allocatedClaim('more', [{ device: NUMA, cpus: '1' }]));
  assert.match(await fixture.prepareError('more'), /0 of its 7 are free/);
});

test('ClaimService keeps R5: a claim without a container yet, when the runtime tells its containers', async () => {
  const fixture = withClaims({ starting: '2' });
  await fixture.prepare('starting');
  const containers = new Containers(fixture.ledger, silentLog);
  assert.deepEqual(containers.synchronize([]), []);
  fixture.usesClaim = (uid) => containers.usersOf(uid).length > 0;
  await fixture.service.releaseAbandoned();
  assert.ok(fixture.ledger.find('starting'));
});

test('ClaimService.prepare waits for CPUs whose holder lost its allocation, and gets them at its Unprepare', async () => {
  const fixture = withClaims({ old: '8', next: '8' }, { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) });
  await fixture.prepare('old');
  fixture.usesClaim = (uid) => uid === 'old';
  fixture.objects.delete('old');
  const outcome = fixture.prepareError('next');
  await eventually('the next claim waits', () => fixture.sleeping === 1);
  await fixture.service.unprepare([referenceTo('old')]);
  assert.equal(await outcome, '');
});

test('ClaimService.prepare S17: a claim that is gone is found also right after another shortage', async () => {
  const fixture = withClaims(
    { small: '1', old: '7', big: '64', next: '7' },
    { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) },
  );
  await fixture.prepare('small');
  assert.match(await fixture.prepareError('big'), /64 CPUs are wanted/);
  await fixture.prepare('old');
  fixture.objects.delete('old');
  assert.equal(await fixture.prepareError('next'), '', 'without time going by');
});

test('ClaimService.prepare S17: claims that come while others are looked for share the next look', async () => {
  const fixture = withClaims({ old: '8', a: '8', b: '8', c: '8' }, { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) });
  await fixture.prepare('old');
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  fixture.whenApiAnswers = () => {
    asked.push('');
    return new Promise((resolve) => void answers.push(resolve));
  };
  const answerAll = () => answers.splice(0).forEach((answer) => answer());
  const outcomes = ['a', 'b', 'c'].map((uid) => fixture.prepareError(uid));
  await eventually('each is asked for', () => asked.length === 3);
  answerAll();
  await eventually('old is looked at', () => asked.length === 4);
  answerAll();
  await eventually('and once more for those that came meanwhile', () => asked.length === 5);
  answerAll();
  for (const error of await Promise.all(outcomes)) assert.match(error, /8 CPUs are wanted/);
  assert.equal(asked.length, 5);
});

test('ClaimService.prepare gives up waiting after its time, and does not wait for a holder that keeps its allocation', async () => {
  const fixture = withClaims({ old: '8', next: '8' }, { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) });
  await fixture.prepare('old');
  assert.match(await fixture.prepareError('next'), /8 CPUs are wanted/);
  fixture.passTime(1_000);
  fixture.usesClaim = (uid) => uid === 'old';
  fixture.objects.delete('old');
  const outcome = fixture.prepareError('next');
  await eventually('the next claim waits', () => fixture.sleeping === 1);
  fixture.passTime(10_000);
  assert.match(await outcome, /8 CPUs are wanted/);
});

test('ClaimService.close: what is under way fails and changes nothing, whatever it waits for', async () => {
  const fixture = withClaims(
    { old: '8', next: '8', slow: '1', known: '1' },
    { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3) },
  );
  await fixture.prepare('old', 'known');
  fixture.usesClaim = (uid) => uid === 'old';
  fixture.objects.delete('old');
  const waiting = fixture.prepareError('next');
  await eventually('the next claim waits', () => fixture.sleeping === 1);
  const answers: (() => void)[] = [];
  fixture.whenApiAnswers = () => new Promise((resolve) => void answers.push(resolve));
  const late = [fixture.prepareError('slow'), fixture.prepareError('known')];
  const unprepared = fixture.service.unprepare([referenceTo('known')]);
  await eventually('both are asked for', () => answers.length === 2);
  fixture.service.close();
  for (const answer of answers) answer();
  for (const error of await Promise.all([waiting, ...late])) assert.match(error, /this driver has left the node/);
  assert.match((await unprepared)[0]?.error ?? '', /^Cannot unprepare claim default\/claim-known: /);
  assert.deepEqual([...fixture.records.keys()], ['old', 'known']);
  assert.equal(fixture.ledger.claims.length, 2);
});

test('ClaimService.close: a claim whose file comes late is not told to be prepared, for the next driver may not know it', async () => {
  const fixture = withClaims({ a: '2' });
  const written = Promise.withResolvers<void>();
  fixture.whenDiskWrites = () => written.promise;
  const error = fixture.prepareError('a');
  await eventually('reserved', () => !fixture.ledger.taken.isEmpty);
  fixture.service.close();
  written.resolve();
  assert.match(await error, /this driver has left the node/);
});

test('ClaimService.unprepare P8: state is kept while the file cannot be removed; an unknown claim is done', async () => {
  const fixture = withClaims({ a: '2' });
  await fixture.prepare('a');
  fixture.diskError = new Error('read-only file system');
  assert.deepEqual(await fixture.service.unprepare([referenceTo('a')]), [{ uid: 'a', error: 'read-only file system' }]);
  assert.equal(fixture.ledger.taken.size, 2);
  fixture.diskError = undefined;
  assert.deepEqual(await fixture.service.unprepare([referenceTo('a'), referenceTo('never')]), [
    { uid: 'a' },
    { uid: 'never' },
  ]);
  assert.ok(fixture.ledger.taken.isEmpty);
});

test('ClaimService.releaseAbandoned releases what the API server no longer has and no container uses', async () => {
  const fixture = withClaims({ gone: '1', used: '1', kept: '1', replaced: '1', moved: '1', unallocated: '1' });
  await fixture.prepare('gone', 'used', 'kept', 'replaced', 'moved', 'unallocated');
  fixture.objects.set('moved', allocatedClaim('moved', [{ device: NUMA, cpus: '1', pool: 'node-b' }]));
  fixture.objects.set('unallocated', { ...allocatedClaim('unallocated', []), status: {} });
  fixture.objects.delete('gone');
  fixture.objects.delete('used');
  fixture.objects.set('replaced', allocatedClaim('another', [{ device: NUMA, cpus: '1' }]));
  fixture.usesClaim = (uid) => uid === 'used';
  await fixture.service.releaseAbandoned();
  assert.deepEqual([...fixture.records.keys()].sort(), ['kept', 'used']);
  fixture.apiError = new Error('away');
  fixture.usesClaim = () => false;
  await fixture.service.releaseAbandoned();
  assert.deepEqual([...fixture.records.keys()].sort(), ['kept', 'used']);
});

test('ClaimService.releaseAbandoned keeps a claim that is prepared anew while the API server is asked for others', async () => {
  const fixture = withClaims({ again: '2', slow: '2' });
  await fixture.prepare('again', 'slow');
  fixture.objects.delete('again');
  const answers: (() => void)[] = [];
  fixture.whenApiAnswers = () => new Promise((resolve) => void answers.push(resolve));
  const released = fixture.service.releaseAbandoned();
  answers.shift()?.();
  await setImmediate();
  fixture.whenApiAnswers = async () => {};
  fixture.objects.set('again', allocatedClaim('again', [{ device: NUMA, cpus: '2' }]));
  assert.equal(await fixture.prepareError('again'), '');
  answers.shift()?.();
  await released;
  assert.ok(fixture.ledger.find('again'), 'it has its CPUs');
  assert.ok(fixture.records.has('again'), 'and its file');
});

test('ClaimService.prepare decides anew for a new allocation, unless a container still has the CPUs of the earlier one', async () => {
  const fixture = new ClaimFixture();
  const allocate = (cpus: string, shareID: string) =>
    fixture.objects.set('a', allocatedClaim('a', [{ device: NUMA, cpus, shareID }]));
  allocate('4', 's1');
  await fixture.prepare('a');
  allocate('2', 's2');
  fixture.usesClaim = () => true;
  assert.match(
    await fixture.prepareError('a'),
    /a container still runs on CPUs 0-1,8-9 of an earlier allocation of it; delete the pod of that container/,
  );
  assert.equal(fixture.records.get('a')?.claim.cpus.toString(), '0-1,8-9');
  fixture.usesClaim = () => false;
  assert.equal(await fixture.prepareError('a'), '');
  assert.equal(fixture.records.get('a')?.claim.cpus.toString(), '0,8');
  assert.equal(fixture.ledger.taken.toString(), '0,8');
  assert.equal(fixture.records.get('a')?.claim.assignments[0]?.shareId, 's2');
  fixture.objects.set('a', allocatedClaim('a', [{ device: 'gpu-0', driver: 'gpu.example.com' }]));
  assert.deepEqual(await fixture.prepare('a'), [{ uid: 'a', devices: [] }]);
  assert.deepEqual([fixture.records.size, fixture.ledger.taken.size], [0, 0]);
});

test('ClaimService records the policy and the reason in the claim’s file', async () => {
  const fixture = new ClaimFixture();
  fixture.objects.set('u1', allocatedClaim('u1', [{ device: 'cpudevnuma000', cpus: '2' }]));
  await fixture.prepare('u1');
  const [assignment] = fixture.records.get('u1')?.claim.assignments ?? [];
  assert.equal(assignment?.policy, 'packed');
  assert.match(assignment?.why?.[0] ?? '', /^Why: best fit/);
});

test('ClaimService.prepare P3, T12: keeps whole cores where the node gives nothing else', async () => {
  const fixture = new ClaimFixture({ options: { fullPhysicalCores: true } });
  fixture.objects.set('odd', allocatedClaim('odd', [{ device: 'cpudevnuma000', cpus: '3' }]));
  fixture.objects.set('even', allocatedClaim('even', [{ device: 'cpudevnuma000', cpus: '4' }]));
  assert.match(await fixture.prepareError('odd'), /ask for a multiple of 2/);
  await fixture.prepare('even');
  assert.equal(fixture.records.get('even')?.claim.cpus.toString(), '0-1,8-9');
});

test('ClaimService.prepare leaves sharedPoolMinCPUs to containers without a claim', async () => {
  const fixture = new ClaimFixture({ options: { sharedPoolMinCpus: 2 } });
  fixture.objects.set('all', allocatedClaim('all', [{ device: 'cpudevnuma000', cpus: '14' }]));
  fixture.objects.set('more', allocatedClaim('more', [{ device: 'cpudevnuma000', cpus: '1' }]));
  assert.equal(await fixture.prepareError('all'), '');
  assert.equal(fixture.ledger.sharedPool.toString(), '0,8');
  assert.match(await fixture.prepareError('more'), /0 of its 14 are free/);
});

test('ClaimService.prepare R1: memory nodes and shared CPUs outlive the driver in the claim’s file, and the container is told them', async () => {
  const topology = smtMachine({ nodes: 2, cores: 4 });
  const fixture = new ClaimFixture({ topology });
  const claim = allocatedClaim('a', [{ device: 'cpudevnuma001', cpus: '2' }]);
  const { allocation } = claim['status'] as { allocation: { devices: Record<string, unknown> } };
  const parameters = { apiVersion: 'v1alpha1', cpuConfig: { memoryNodes: 'local', sharedCPUs: true } };
  allocation.devices['config'] = [{ source: 'FromClaim', opaque: { driver: 'dra.cpu', parameters } }];
  fixture.objects.set('a', claim);
  await fixture.prepare('a');
  const attributes = fixture.metadata.get('a')?.[0]?.devices[0]?.attributes ?? {};
  assert.deepEqual(attributes['dra.cpu/memoryNodeIDs'], { ints: [1] });
  assert.deepEqual(attributes['dra.cpu/sharedCPUs'], { bool: true });
  const record = fixture.records.get('a');
  assert.ok(record);
  assert.deepEqual([record.claim.memoryNodes?.toString(), record.claim.sharesPool], ['1', true]);
  const next = new Ledger({ allocatable: topology.online, reserved: CpuSet.empty });
  next.adopt(parseClaimRecord(formatClaimRecord(record), 'a').claim);
  assert.equal(next.find('a')?.sharesPool, true);
  assert.deepEqual(next.find('a'), fixture.ledger.find('a'));
});

test('ClaimService S10: a driver whose records another one has taken decides nothing any more', async () => {
  const fixture = withClaims({ a: '2', b: '2' });
  fixture.diskError = Object.assign(new Error('another driver has taken over this node'), { code: 'DriverLeft' });
  assert.match(
    await fixture.prepareError('a'),
    /^Cannot prepare claim default\/claim-a: another driver has taken over/,
  );
  fixture.diskError = undefined;
  assert.match(await fixture.prepareError('b'), /this driver has left the node/);
  assert.equal(fixture.records.size, 0);
});

test('ClaimService.unprepare S3: is refused while a process of the container lives, and works once it has ended', async () => {
  const fixture = withClaims({ a: '2' });
  await fixture.prepare('a');
  fixture.findRunning = async () => 'default/db/main';
  const [outcome] = await fixture.service.unprepare([referenceTo('a')]);
  assert.match(
    outcome?.error ?? '',
    /^Cannot unprepare claim default\/claim-a: container default\/db\/main still runs on its CPUs 0,8;/,
  );
  assert.equal(fixture.ledger.taken.toString(), '0,8');
  fixture.findRunning = async () => undefined;
  assert.deepEqual(await fixture.service.unprepare([referenceTo('a')]), [{ uid: 'a' }]);
});

test('ClaimService.prepare S17: at a shortage an idle claim that the API server no longer has is released at once', async () => {
  const fixture = withClaims({ old: '8', next: '8' }, { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) });
  await fixture.prepare('old');
  fixture.objects.delete('old');
  assert.equal(await fixture.prepareError('next'), '', 'without time going by');
  assert.equal(fixture.ledger.find('old'), undefined);
});

test('ClaimService.prepare S16: one call waits no longer than its time, however long the API server takes', async () => {
  const fixture = withClaims({ old: '8', next: '8' }, { reserved: CpuSet.of(0, 8, 1, 9, 2, 10, 3, 11) });
  await fixture.prepare('old');
  fixture.usesClaim = () => true;
  fixture.objects.delete('old');
  const asked = Promise.withResolvers<void>();
  const fetches: string[] = [];
  fixture.whenApiAnswers = async () => {
    fetches.push('');
    if (fetches.length > 1) await asked.promise;
  };
  const outcome = fixture.prepareError('next');
  await eventually('the look at other claims hangs', () => fetches.length > 1 && fixture.sleeping === 1);
  fixture.passTime(10_000);
  assert.match(await outcome, /8 CPUs are wanted/);
});

test('ClaimService.prepare S19: answers only when updates that were on their way have arrived', async () => {
  const fixture = withClaims({ a: '2' });
  const arrived = Promise.withResolvers<void>();
  fixture.whenUpdatesArrived = () => arrived.promise;
  let isAnswered = false;
  const answer = fixture.prepare('a').then(() => (isAnswered = true));
  await eventually('recorded', () => fixture.records.has('a'));
  await setImmediate();
  assert.equal(isAnswered, false);
  arrived.resolve();
  assert.equal(await answer, true);
});

test('ClaimService S9: refuses names and UIDs that are not those of Kubernetes objects, in short messages', async () => {
  const fixture = withClaims({});
  const evil = [
    { uid: 'a', namespace: 'default', name: 'b/../../../../victim' },
    { uid: 'b', namespace: '..', name: 'x' },
    { uid: '../../etc', namespace: 'default', name: 'x' },
    { uid: 'x'.repeat(100_000), namespace: 'n'.repeat(100_000), name: 'm'.repeat(100_000) },
  ];
  for (const outcome of await fixture.service.prepare(evil)) {
    assert.ok('error' in outcome && outcome.error.length < 1_000, 'a short error');
  }
  assert.deepEqual(
    (await fixture.service.unprepare(evil)).map(({ error }) => error),
    [undefined, undefined, undefined, undefined],
  );
});

test('ClaimService S18: a call of a thousand claims lets other events be served between them', async () => {
  const uids = Array.from({ length: 1_000 }, (_, index) => `c${index}`);
  const fixture = withClaims(Object.fromEntries(uids.map((uid) => [uid, '1'])));
  let [others, isDone] = [0, { now: false }];
  const count = async () => {
    while (!isDone.now) {
      await setImmediate();
      others += 1;
    }
  };
  const counting = count();
  await fixture.prepare(...uids);
  const during = others;
  await fixture.service.unprepare(uids.map(referenceTo));
  isDone = { now: true };
  await counting;
  assert.ok(during >= 50 && others - during >= 50, `${during} and ${others - during} other events`);
});

test('ClaimService.prepare S15: completes a claim of a reference driver’s file, with its record and its metadata', async () => {
  const fixture = withClaims({ a: '4' });
  fixture.ledger.adopt({
    uid: 'a',
    namespace: 'unknown',
    name: 'a',
    assignments: [],
    cpus: CpuSet.of(2, 3, 10, 11),
  });
  const [outcome] = await fixture.prepare('a');
  assert.deepEqual(outcome && 'devices' in outcome && outcome.devices[0]?.cdiDeviceIds, [
    'dra.k8s.io/cpu=claim-a',
    'dra.cpu/metadata=a_cpus',
  ]);
  const { claim } = fixture.records.get('a') ?? {};
  assert.deepEqual([claim?.name, claim?.cpus.toString(), claim?.assignments.length], ['claim-a', '2-3,10-11', 1]);
  assert.deepEqual(
    fixture.metadata.get('a')?.map(({ request }) => request),
    ['cpus'],
  );
});

test('ClaimService.prepare S15: decides again where the CPUs of such a file are not what the claim was allocated', async () => {
  const fixture = withClaims({ a: '4' });
  fixture.ledger.adopt({ uid: 'a', namespace: 'unknown', name: 'a', assignments: [], cpus: CpuSet.of(2, 3) });
  fixture.usesClaim = () => true;
  assert.match(await fixture.prepareError('a'), /a container still runs on CPUs 2-3 of an earlier allocation/);
  fixture.usesClaim = () => false;
  assert.equal(await fixture.prepareError('a'), '');
  assert.equal(fixture.ledger.find('a')?.cpus.size, 4);
});
