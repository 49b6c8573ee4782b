import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { describeCpuMap, type NodeState } from './cpu-map.ts';
import { renderMapPage } from './map-page.ts';
import { nodeState } from './testing/node-state.ts';

const topology = parseSynthetic('pack:2 l3:2 core:2 pu:2');
/** What the map takes of a ledger, whose members are getters. */
const nodeParts = ({ ledger: { supply, free, taken, sharedPool } }: NodeState) => ({ supply, free, taken, sharedPool });
const claims = [
  { name: 'db', cpus: '2-3,10-11' },
  { name: 'idle', cpus: '4', running: false },
];

test('describeCpuMap says who has which CPU', () => {
  const map = JSON.parse(
    JSON.stringify(describeCpuMap(nodeState(topology, { reserved: '0', claims }), { withTopology: false })),
  ) as Record<string, unknown>;
  assert.equal(map.kind, 'CPUMap');
  assert.deepEqual(map.cpus, {
    online: '0-15',
    offline: '',
    isolated: '',
    reserved: '0',
    claimed: '2-4,10-11',
    free: '1,5-9,12-15',
    sharedPool: '1,5-9,12-15',
  });
  assert.deepEqual(map.claims, [
    {
      claim: 'shop/db',
      cpus: '2-3,10-11',
      devices: [{ request: 'cpus', device: 'cpudevnuma000', cpus: '2-3,10-11' }],
      containers: ['shop/db-0/main'],
    },
    {
      claim: 'shop/idle',
      cpus: '4',
      devices: [{ request: 'cpus', device: 'cpudevnuma000', cpus: '4' }],
      containers: [],
    },
  ]);
  assert.deepEqual(map.sharedContainers, ['kube-system/dns/dns']);
  assert.equal('topology' in map, false);
});

test('describeCpuMap says which claims share CPUs besides, and where memory is bound', () => {
  const state = nodeState(topology, { claims });
  const [db, idle] = state.ledger.claims;
  assert.ok(db && idle);
  const wishes = { ...db, sharesPool: true, memoryNodes: CpuSet.of(1) };
  const ledger = { ...nodeParts(state), claims: [wishes, idle] };
  const map = JSON.parse(JSON.stringify(describeCpuMap({ ...state, ledger }, { withTopology: false }))) as {
    claims: { sharedCPUs?: boolean; memoryNodes?: string }[];
  };
  assert.deepEqual(
    map.claims.map(({ sharedCPUs, memoryNodes }) => [sharedCPUs, memoryNodes]),
    [
      [true, '1'],
      [undefined, undefined],
    ],
  );
});

test('neither the map nor the page has the UID of a claim', () => {
  const state = nodeState(topology, { claims });
  assert.match(JSON.stringify(state.ledger.claims), /uid-db/);
  assert.doesNotMatch(JSON.stringify(describeCpuMap(state, { withTopology: true })), /uid/i);
  assert.doesNotMatch(renderMapPage(state), /uid/i);
});

test('describeCpuMap brings the machine when asked', () => {
  const map = describeCpuMap(nodeState(topology), { withTopology: true }) as { topology: { cpus: unknown[] } };
  assert.equal(map.topology.cpus.length, 16);
});

test('renderMapPage draws every CPU once and needs no other file', () => {
  const page = renderMapPage(nodeState(topology, { claims }));
  const drawn = [...page.matchAll(/data-cpu="(\d+)"/g)].map(([, cpu]) => Number(cpu));
  assert.deepEqual(
    drawn.toSorted((a, b) => a - b),
    topology.online.toArray(),
  );
  assert.doesNotMatch(page, /<(?:link|img|script src)|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});

test('renderMapPage lets no name out of its place', () => {
  const state = nodeState(topology, { claims: [{ name: '</script><img src=x onerror=alert(1)>', cpus: '1' }] });
  const page = renderMapPage({ ...state, nodeName: '<b>"worker"</b>' });
  assert.doesNotMatch(page, /<img|<b>"/);
  const embedded = /<script type="application\/json" id="state">(.*?)<\/script>/.exec(page)?.[1] ?? '';
  const map = JSON.parse(embedded) as { claims: { claim: string }[] };
  assert.equal(map.claims[0]?.claim, 'shop/</script><img src=x onerror=alert(1)>');
});
