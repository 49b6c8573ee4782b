import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { parse } from '../config/testing/parse.ts';
import { checkReservedCpus } from '../preflight/reserved-cpus.ts';
import { findReserved, toMachine } from './read-machine.ts';

test('findReserved counts the CPUs that the machine has: 2 of reservedCPUs "0-1,900" (issue 15)', async () => {
  const { config } = await parse({ argv: ['--reserved-cpus=0-1,900'] });
  const topology = smtMachine({ cores: 4 });
  const reserved = findReserved(config, topology);
  assert.deepEqual([reserved.toString(), reserved.size], ['0-1', 2]);
  const node = { status: { capacity: { cpu: '8' }, allocatable: { cpu: '6' } } };
  assert.equal(checkReservedCpus(reserved, node), undefined);
  assert.equal(toMachine(config, topology).devices.reserved.size, 2);
});
