import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory } from './make-directory.ts';

test('makeDirectory makes what is missing, and is content with what is there', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'make-directory-'));
  t.after(() => rm(root, { recursive: true }));
  const path = join(root, 'a/b/c');
  await Promise.all(Array.from({ length: 20 }, () => makeDirectory(path, { mode: 0o750 })));
  const many = Array.from({ length: 200 }, (_, index) => join(root, `x${index % 10}/y${index % 3}/z${index}`));
  await Promise.all(many.map((each) => makeDirectory(each)));
  await makeDirectory(path);
  await makeDirectory(root);
  assert.equal((await stat(path)).mode & 0o777, 0o750);
  await writeFile(join(root, 'file'), '');
  await assert.rejects(makeDirectory(join(root, 'file')), { code: 'EEXIST' });
  await assert.rejects(makeDirectory(join(root, 'file/below')), { code: 'ENOTDIR' });
});

test('makeDirectory fails at once where the file system takes no directories (issue 15, --output-dir /proc/x)', async () => {
  for (const path of ['/proc/x', '/proc/x/y', '/proc/self/x', '/sys/x']) {
    await assert.rejects(makeDirectory(path), { code: /^(ENOENT|EPERM|EACCES|EROFS)$/ }, path);
  }
});
