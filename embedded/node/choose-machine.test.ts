import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { chooseMachine } from './choose-machine.ts';
import { writeMachine } from '../machine/write-machine.ts';

function newDirectory(): { directory: string; [Symbol.dispose](): void } {
  const directory = mkdtempSync(join(tmpdir(), 'dracpu-machine-'));
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

test('chooseMachine takes this machine, as far as this process may use it', () => {
  const { hostRoot, usable, topology, isDescribed } = chooseMachine(undefined, '/nowhere');
  assert.deepEqual([hostRoot, isDescribed], ['/', false]);
  assert.ok(!usable.isEmpty && usable.isSubsetOf(topology.online));
});

test('chooseMachine writes a described machine and reads it back', () => {
  using temporary = newDirectory();
  const { hostRoot, usable, isDescribed } = chooseMachine(
    { topology: parseSynthetic('numa:2 core:4') },
    temporary.directory,
  );
  assert.deepEqual([hostRoot, String(usable), isDescribed], [join(temporary.directory, 'host'), '0-7', true]);
});

test('chooseMachine takes a folder with a sysfs', () => {
  using temporary = newDirectory();
  writeMachine(temporary.directory, parseSynthetic('core:3'));
  const { hostRoot, usable } = chooseMachine({ folder: temporary.directory }, '/nowhere');
  assert.deepEqual([hostRoot, String(usable)], [temporary.directory, '0-2']);
});

test('chooseMachine refuses a folder without a machine', () => {
  using temporary = newDirectory();
  const folder = join(temporary.directory, 'none');
  assert.throws(() => chooseMachine({ folder }, temporary.directory), { code: 'NoCpus' });
});
