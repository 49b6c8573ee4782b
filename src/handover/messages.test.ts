import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isReleased, parseGreeting, parseSuccessor } from './messages.ts';

const GREETING = { release: 'kube-system/cpu', holder: 'pod kube-system/cpu-x2x8k', version: '0.2.0' };

test('parseGreeting returns what a holder of this and of an earlier release says', () => {
  assert.deepEqual(parseGreeting(JSON.stringify(GREETING)), GREETING);
  const claims = 'claims-000002-0a1b2c3d';
  assert.deepEqual(
    parseGreeting(JSON.stringify({ ...GREETING, claims, endpoint: '/k/plugins/dra.cpu/dra-9d3c.sock', later: 1 })),
    { ...GREETING, claims, endpoint: 'dra-9d3c.sock' },
  );
});

test('C12 parseGreeting: what is not an identity is not believed', () => {
  const values = [1, '', 'line\nbreak', '\u001b[31m', 'x'.repeat(601), null, {}];
  const lines = ['', 'hello', 'null', '[]', '1', '{', '{}', '"x"', '{"release":"a","holder":"b"}'].concat(
    values.flatMap((value) => Object.keys(GREETING).map((key) => JSON.stringify({ ...GREETING, [key]: value }))),
  );
  for (const line of lines) assert.equal(parseGreeting(line), undefined, line);
});

test('C12 parseGreeting: a name that is not of the driver is left out', () => {
  for (const claims of ['other', '', 1, 'claims\n', `claims-${'x'.repeat(600)}`]) {
    assert.deepEqual(parseGreeting(JSON.stringify({ ...GREETING, claims })), GREETING);
  }
  for (const endpoint of ['holder.sock', '/k/dra.sock/..', 'dra-\n.sock', 7, `dra-${'x'.repeat(101)}.sock`]) {
    assert.deepEqual(parseGreeting(JSON.stringify({ ...GREETING, endpoint })), GREETING);
  }
});

test('C12 parseSuccessor: only the name of an endpoint is taken from a path', () => {
  const parse = (endpoint: unknown) => parseSuccessor(JSON.stringify({ endpoint }));
  assert.equal(parse('/var/lib/kubelet/plugins/dra.cpu/dra.sock'), 'dra.sock');
  assert.equal(parse('/elsewhere/dra-9d3c8a52-1b9e.sock'), 'dra-9d3c8a52-1b9e.sock');
  assert.equal(parse('../../../dra.sock'), 'dra.sock');
  for (const endpoint of ['/k/other.sock', '/k/dra-.sock', '/k/dra.sock.bak', '/k/dra.sock/..', '', {}, undefined]) {
    assert.equal(parse(endpoint), undefined, JSON.stringify(endpoint));
  }
});

test('C12: no line of any kind makes the messages throw or yields a path', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `{"endpoint":${json}}`),
      ),
      (line) => {
        parseGreeting(line);
        isReleased(line);
        const name = parseSuccessor(line);
        assert.ok(name === undefined || /^dra[^/]*\.sock$/.test(name));
      },
    ),
  );
});

test('isReleased is true for that very message alone', () => {
  assert.ok(isReleased('{"released":true}'));
  for (const line of ['{"released":"true"}', '{"released":1}', '{}', 'true', 'released', '']) {
    assert.equal(isReleased(line), false);
  }
});
