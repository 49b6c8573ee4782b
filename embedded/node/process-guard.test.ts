import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ProcessGuard } from './process-guard.ts';

test('ProcessGuard ends the processes it took', async (t) => {
  const children = [spawn('cat'), spawn('cat')];
  t.after(() => children.forEach((child) => child.kill('SIGKILL')));
  await Promise.all(children.map((child) => once(child, 'spawn')));
  const guard = new ProcessGuard();
  for (const { pid = 0 } of children) guard.take(pid);
  const exited = Promise.all(children.map((child) => once(child, 'exit')));
  guard.end();
  guard.end();
  assert.deepEqual(await exited, [
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
});

test('ProcessGuard takes a process that has ended for none', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  const guard = new ProcessGuard();
  guard.take(child.pid ?? 0);
  guard.end();
});
