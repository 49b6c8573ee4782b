import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Ward } from './ward.ts';

test('Ward ends the processes it took', async (t) => {
  const children = [spawn('cat'), spawn('cat')];
  t.after(() => children.forEach((child) => child.kill('SIGKILL')));
  await Promise.all(children.map((child) => once(child, 'spawn')));
  const ward = new Ward();
  for (const { pid = 0 } of children) ward.take(pid);
  const exited = Promise.all(children.map((child) => once(child, 'exit')));
  ward.end();
  ward.end();
  assert.deepEqual(await exited, [
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
});

test('Ward takes a process that has ended for none', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  const ward = new Ward();
  ward.take(child.pid ?? 0);
  ward.end();
});
