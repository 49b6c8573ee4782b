import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../lib/testing/eventually.ts';
import { dial, LineConnection } from './line-connection.ts';

/** A connection of lines, and the socket of its other side. */
async function connectPair(context: TestContext): Promise<{ lines: LineConnection; other: Socket }> {
  const directory = await mkdtemp(join(tmpdir(), 'lc-'));
  const server = createServer().listen(join(directory, 's'));
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const other = connect(join(directory, 's'));
  other.on('error', () => {}).resume();
  const [socket] = (await accepted) as [Socket];
  context.after(async () => {
    other.destroy();
    socket.destroy();
    server.close();
    await rm(directory, { recursive: true });
  });
  return { lines: new LineConnection(socket), other };
}

test('LineConnection.next returns line after line, however they arrive', async (t) => {
  const { lines, other } = await connectPair(t);
  other.write('first\nsecond\nthi');
  assert.deepEqual(await lines.next(1_000), { kind: 'line', text: 'first' });
  assert.deepEqual(await lines.next(1_000), { kind: 'line', text: 'second' });
  other.end('rd\nrest');
  assert.deepEqual(await lines.next(1_000), { kind: 'line', text: 'third' });
  assert.deepEqual(await lines.next(1_000), { kind: 'ended' }, 'what has no end is not a line');
  assert.deepEqual(await lines.next(1_000), { kind: 'ended' });
});

test('C12 LineConnection.next: silence and half a line end after the time and close the connection', async (t) => {
  for (const text of ['', '{"release":']) {
    const { lines, other } = await connectPair(t);
    other.write(text);
    const startMs = performance.now();
    assert.deepEqual(await lines.next(50), { kind: 'silent' });
    assert.ok(performance.now() - startMs < 1_000);
    await eventually('the connection is closed', () => other.destroyed);
    assert.deepEqual(await lines.next(50), { kind: 'silent' }, 'and nothing later is believed');
  }
});

test('C12 LineConnection.next: a line without end is refused after 4 KiB', async (t) => {
  const { lines, other } = await connectPair(t);
  let sent = 0;
  const write = () => {
    while (!other.destroyed && other.write('x'.repeat(1_024))) sent += 1_024;
  };
  other.on('drain', write);
  write();
  assert.deepEqual(await lines.next(5_000), { kind: 'tooLong' });
  await eventually('the connection is closed', () => other.destroyed);
  assert.ok(sent < 4 * 1024 * 1024, 'no more is taken than the buffers of the kernel');
});

test('C12 LineConnection.next: a flood of lines that are not asked for ends the connection', async (t) => {
  const { lines, other } = await connectPair(t);
  other.write('a\n'.repeat(100_000));
  await eventually('the connection is closed', () => other.destroyed);
  assert.equal((await lines.next(1_000)).kind, 'line', 'the first one came in time');
});

test('dial tells a socket on which no process listens from one that is busy', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'lc-'));
  t.after(() => rm(directory, { recursive: true }));
  assert.equal(await dial(join(directory, 'none')), 'refused');
  await writeFile(join(directory, 'file'), '');
  assert.equal(await dial(join(directory, 'file')), 'refused');
  assert.equal(await dial(join(directory, 'file/below')), 'busy', 'unknown is not refused');
});
