import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CpuTopology } from '../topology/topology.ts';
import type { Sysfs } from './sysfs.ts';
import { editMachine, readTree } from './testing/edited-machine.ts';
import { openMemorySysfs } from './testing/memory-sysfs.ts';
import { watchTopology } from './watch-topology.ts';

const read = { hostRoot: '/', pcieRoots: false };

/** A machine whose online CPUs the test sets, and what a watch over it told. */
function startWatch({ onChange }: { onChange?: () => void } = {}) {
  const treeWith = (online: string) => editMachine('pack:2 core:2', { set: { 'cpu/online': online } });
  let current: Sysfs = openMemorySysfs(treeWith('0-3'));
  const sysfs: Sysfs = {
    readText: (path) => current.readText(path),
    listDirectory: (path) => current.listDirectory(path),
    readLink: (path) => current.readLink(path),
  };
  const told: string[] = [];
  let poll = () => {};
  const stop = watchTopology({
    read,
    sysfs,
    known: readTree(treeWith('0-3'), read),
    onChange: (topology: CpuTopology, before: CpuTopology) => {
      told.push(`${before.online} -> ${topology.online}`);
      onChange?.();
    },
    onError: (error) => told.push(String(error)),
    schedule: (run, intervalMs) => {
      assert.equal(intervalMs, 5_000);
      poll = run;
      return () => {
        poll = () => {};
      };
    },
  });
  return {
    told,
    stop,
    poll: () => poll(),
    switchTo: (online: string) => {
      current = openMemorySysfs(treeWith(online));
    },
    replace: (other: Sysfs) => {
      current = other;
    },
  };
}

test('watchTopology tells nothing while the online CPUs stay', () => {
  const watch = startWatch();
  watch.poll();
  watch.poll();
  assert.deepEqual(watch.told, []);
});

test('watchTopology tells of CPUs that go and come, once each', () => {
  const watch = startWatch();
  for (const online of ['0-3', '0-2', '0-2', '0,2', '0-3']) {
    watch.switchTo(online);
    watch.poll();
  }
  assert.deepEqual(watch.told, ['0-3 -> 0-2', '0-2 -> 0,2', '0,2 -> 0-3']);
});

test('watchTopology tells of a change between the first reading and the first poll', () => {
  const watch = startWatch();
  watch.switchTo('1-3');
  watch.poll();
  assert.deepEqual(watch.told, ['0-3 -> 1-3']);
});

test('watchTopology waits when CPUs change while their files are read', () => {
  const watch = startWatch();
  watch.poll();
  const before = openMemorySysfs(editMachine('pack:2 core:2', { set: { 'cpu/online': '0-2' } }));
  let reads = 0;
  watch.replace({
    ...before,
    readText: (path) => {
      if (!path.endsWith('cpu/online')) return before.readText(path);
      reads += 1;
      return reads < 3 ? '0-2\n' : '0-1\n';
    },
  });
  watch.poll();
  assert.deepEqual(watch.told, []);
  watch.switchTo('0-1');
  watch.poll();
  assert.deepEqual(watch.told, ['0-3 -> 0-1']);
});

test('watchTopology reports an error once in a row, goes on, and tells of what it can read again', () => {
  const watch = startWatch();
  watch.replace(openMemorySysfs({ files: new Map(), links: new Map() }));
  watch.poll();
  watch.poll();
  watch.switchTo('0-1');
  watch.poll();
  assert.equal(watch.told.length, 2);
  assert.match(watch.told[0] ?? '', /^TopologyError: Cannot read the CPU topology under "\/": no CPU/);
  assert.equal(watch.told[1], '0-3 -> 0-1');
});

test('watchTopology reports what onChange throws', () => {
  const watch = startWatch({
    onChange: () => {
      throw new Error('cannot publish');
    },
  });
  watch.switchTo('0-1');
  watch.poll();
  assert.deepEqual(watch.told, ['0-3 -> 0-1', 'Error: cannot publish']);
});

test('watchTopology tells nothing once stopped, however often', () => {
  const watch = startWatch();
  watch.stop();
  watch.stop();
  watch.switchTo('0');
  watch.poll();
  assert.deepEqual(watch.told, []);
});

test('watchTopology polls the machine itself by default, without keeping the process alive', () => {
  const stop = watchTopology({
    read,
    known: readTree(editMachine('core:1', {}), read),
    onChange: () => assert.fail('told before the first interval'),
    onError: () => assert.fail('failed before the first interval'),
  });
  stop();
  stop();
});
