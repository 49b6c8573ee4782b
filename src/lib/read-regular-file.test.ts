import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRegularFile } from './read-regular-file.ts';

test('readRegularFile S8: reads regular files only, and neither follows, waits for nor loads anything else', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'files-'));
  context.after(() => rm(root, { recursive: true }));
  const at = (name: string) => join(root, name);
  await writeFile(at('text'), 'höhe\n');
  assert.equal(await readRegularFile(at('text'), 100), 'höhe\n');
  assert.equal(await readRegularFile(at('text'), 6), 'höhe\n');
  await assert.rejects(readRegularFile(at('text'), 5), { code: 'TooLarge', message: 'it has more than 5 bytes' });
  await writeFile(at('huge'), '');
  await truncate(at('huge'), 1_500_000_000);
  await assert.rejects(readRegularFile(at('huge'), 1 << 20), { code: 'TooLarge' });
  execFileSync('mkfifo', [at('fifo')]);
  await symlink('/', at('link'));
  await symlink(at('text'), at('good-link'));
  await mkdir(at('folder'));
  const server = createServer().listen(at('socket'));
  context.after(() => server.close());
  for (const name of ['fifo', 'link', 'good-link', 'folder', 'socket']) {
    await assert.rejects(readRegularFile(at(name), 100), { name: 'FileRefusedError', code: 'NotARegularFile' }, name);
  }
  await assert.rejects(readRegularFile('/dev/zero', 100), { code: 'NotARegularFile' });
  await assert.rejects(readRegularFile(at('missing'), 100), { code: 'ENOENT' });
});
