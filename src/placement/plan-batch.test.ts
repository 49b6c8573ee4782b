import assert from 'node:assert/strict';
import { test } from 'node:test';
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
