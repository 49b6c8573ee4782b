import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HttpReply, textReply } from './http-reply.ts';
import { SharedReplies } from './shared-replies.ts';

function setUp() {
  const answered: [string, HttpReply][] = [];
  const failures: unknown[] = [];
  const replies = new SharedReplies<string>({
    onReply: (client, reply) => void answered.push([client, reply]),
    onFailure: (error) => {
      failures.push(error);
      return textReply(500, 'failed');
    },
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { answered, failures, replies, settle };
}

test('SharedReplies gives all who wait for an answer the same one, and nothing to who hung up', async () => {
  const { answered, replies, settle } = setUp();
  const { promise, resolve } = Promise.withResolvers<HttpReply>();
  for (const client of ['a', 'b', 'c']) replies.add(client, promise);
  replies.delete('b');
  const page = textReply(200, 'page');
  resolve(page);
  await settle();
  assert.deepEqual(answered, [
    ['a', page],
    ['c', page],
  ]);
  assert(answered.every(([, reply]) => reply === page));
});

test('SharedReplies reports a failure once, however many wait', async () => {
  const { answered, failures, replies, settle } = setUp();
  const { promise, reject } = Promise.withResolvers<HttpReply>();
  for (const client of ['a', 'b']) replies.add(client, promise);
  reject(new RangeError('no state'));
  await settle();
  assert.equal(failures.length, 1);
  assert.deepEqual(
    answered.map(([client, { status }]) => [client, status]),
    [
      ['a', 500],
      ['b', 500],
    ],
  );
});
