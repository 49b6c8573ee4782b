import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSynthetic } from '../topology/synthetic.ts';
import { answerCase } from './plan-batch.ts';
import { machineOf, regularRows } from './testing/machines.ts';

const shape = { sockets: 1, nodesPerSocket: 1, l3sPerNode: 2, coresPerL3: 2, threadsPerCore: 2 };
const topologies = new Map([['small', machineOf(regularRows(shape))]]);

/** A clock that goes on by 3.14 microseconds each time. */
function tickingClock(): () => number {
  let ms = 0;
  return () => (ms += 0.00314);
}

function answer(fields: unknown) {
  const line = typeof fields === 'string' ? fields : JSON.stringify(fields);
  return answerCase(line, { topologies, now: tickingClock() });
}

test('answerCase answers a case with CPUs, score and the time of the choice', () => {
  assert.deepEqual(answer({ id: 'a', topology: 'small', free: '0-7', cpus: 4, policy: 'packed' }), {
    id: 'a',
    cpus: '0-1,4-5',
    score: { sockets: 1, numaNodes: 1, l3Caches: 1, cores: 2, brokenCores: 0 },
    micros: 3.1,
  });
});

test('answerCase answers what is preferred and shared, and the distance of NUMA nodes', () => {
  const nodes = parseSynthetic('pack:2 numa:2 core:4 pu:2');
  const context = { topologies: new Map([['nodes', nodes]]), now: tickingClock() };
  const ask = (fields: object) =>
    answerCase(JSON.stringify({ id: 'a', topology: 'nodes', policy: 'packed', free: '0-31', ...fields }), context);
  const near = ask({ free: '0-4,8-11,13-20,24-27,29-31', cpus: 4, near: '4-7,20-23' });
  assert.deepEqual('cpus' in near && [near.cpus, near.preferred], ['0-1,16-17', 0]);
  const far = ask({ cpus: 12, policy: 'distributed', free: '1-7,9-15,17-23,25-31', singleSocket: true });
  assert.deepEqual('cpus' in far && [far.cpus, far.score.sockets, far.score.distance], ['1-6,17-22', 1, 12]);
  const careful = ask({ cpus: 2, policy: 'spread', free: '0-3,16-18', avoidSharing: 'core' });
  assert.deepEqual('cpus' in careful && [careful.cpus, careful.shared?.cores], ['0-1', 0]);
});

const good = { id: 7, topology: 'small', free: '0-7', cpus: 2, policy: 'packed' };
for (const [change, code] of [
  [{ cpus: 9 }, 'NotEnoughCPUs'],
  [{ policy: 'full-cores', cpus: 3 }, 'Unsatisfiable'],
  [{ policy: 'single-l3', cpus: 5 }, 'Unsatisfiable'],
  [{ isolated: 'require' }, 'NotEnoughCPUs'],
  [{ topology: 'large' }, 'UnknownTopology'],
  [{ policy: 'best' }, 'UnknownPolicy'],
  [{ policy: undefined }, 'InvalidCase'],
  [{ cpus: 0 }, 'InvalidCase'],
  [{ cpus: '2' }, 'InvalidCase'],
  [{ free: '7-0' }, 'InvalidCase'],
  [{ group: 0 }, 'InvalidCase'],
  [{ group: 'x' }, 'InvalidCase'],
  [{ coreType: 'big' }, 'InvalidCase'],
  [{ isolated: true }, 'InvalidCase'],
  [{ roundUp: 'yes' }, 'InvalidCase'],
  [{ near: '9-' }, 'InvalidCase'],
  [{ nodes: 0 }, 'InvalidCase'],
  [{ singleSocket: 1 }, 'InvalidCase'],
  [{ avoidSharing: 'l1' }, 'InvalidCase'],
] as const) {
  test(`answerCase answers ${JSON.stringify(change)} with ${code}`, () => {
    const result = answer({ ...good, ...change });
    assert.equal(result.id, 7);
    assert.equal('error' in result && result.error.code, code);
  });
}

for (const line of ['', '{', '[]', 'null']) {
  test(`answerCase answers the line ${JSON.stringify(line)} with InvalidCase and no id`, () => {
    const result = answer(line);
    assert.deepEqual(['error' in result && result.error.code, result.id], ['InvalidCase', null]);
  });
}
