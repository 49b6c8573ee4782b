import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeWhole } from './write-whole.ts';

test('writeWhole makes the folder, replaces what was there, and leaves nothing beside it', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'write-whole-'));
  context.after(() => rm(root, { recursive: true }));
  const path = join(root, 'a/b/notes.json');
  await writeWhole(path, 'old', { mode: 0o644 });
  await writeWhole(path, 'new', { mode: 0o600, isFlushed: true });
  assert.equal(await readFile(path, 'utf8'), 'new');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await mkdir(join(root, 'taken/by-a-folder'), { recursive: true });
  await assert.rejects(writeWhole(join(root, 'taken'), 'new', { mode: 0o600 }), { syscall: 'rename' });
  assert.deepEqual([await readdir(root), await readdir(join(root, 'a/b'))], [['a', 'taken'], ['notes.json']]);
});
