import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ByteQueue } from './byte-queue.ts';

test('ByteQueue gives back the bytes that went in, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), fc.array(fc.nat({ max: 12 })), (chunks, cuts) => {
      const queue = new ByteQueue();
      for (const chunk of chunks) queue.push(chunk);
      const all = Buffer.concat(chunks);
      let taken = 0;
      for (const cut of cuts) {
        const bytes = queue.take(cut);
        assert.equal(bytes === undefined, taken + cut > all.length);
        if (bytes === undefined) continue;
        assert.deepEqual(Buffer.from(bytes), all.subarray(taken, taken + cut));
        taken += cut;
      }
      assert.equal(queue.lengthBytes, all.length - taken);
    }),
  );
});

test('ByteQueue.takeSome gives what arrived together, at most what is wanted', () => {
  const queue = new ByteQueue();
  assert.equal(queue.takeSome(5).length, 0);
  queue.push(Uint8Array.of(1, 2, 3));
  queue.push(Uint8Array.of(4));
  assert.deepEqual([...queue.takeSome(2)], [1, 2]);
  assert.deepEqual([...queue.takeSome(9)], [3]);
  assert.deepEqual([...queue.takeSome(9)], [4]);
});

test('ByteQueue forgets taken pieces while more come in', () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(0));
  for (let i = 1; i < 5000; i += 1) {
    queue.push(Uint8Array.of(i & 255));
    assert.deepEqual([...(queue.take(1) ?? [])], [(i - 1) & 255]);
  }
  assert.equal(queue.lengthBytes, 1);
});
