import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HEAD_LENGTH_MAX_BYTES, parseRequestHead } from './request-head.ts';

const parse = (text: string) => parseRequestHead(Buffer.from(text, 'latin1'));

const complete: { title: string; text: string; head: object; rest?: string }[] = [
  {
    title: 'a scrape',
    text: 'GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/plain;q=0.5\r\n\r\n',
    head: { method: 'GET', target: '/metrics', keepsAlive: true, hasBody: false },
  },
  {
    title: 'a probe of the kubelet',
    text: 'GET /livez HTTP/1.1\r\nHost: a:8080\r\nUser-Agent: kube-probe/1.34\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    head: { method: 'GET', target: '/livez', keepsAlive: false, hasBody: false },
  },
  {
    title: 'HTTP/1.0, which closes',
    text: 'GET / HTTP/1.0\r\n\r\n',
    head: { method: 'GET', target: '/', keepsAlive: false, hasBody: false },
  },
  {
    title: 'close among other options, in any case',
    text: 'GET / HTTP/1.1\r\nhost:a\r\nCONNECTION: Upgrade , Close\r\n\r\n',
    head: { method: 'GET', target: '/', keepsAlive: false, hasBody: false },
  },
  {
    title: 'a body of a known length',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789',
    head: { method: 'POST', target: '/', keepsAlive: true, hasBody: true },
    rest: '0123456789',
  },
  {
    title: 'an empty body',
    text: 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    head: { method: 'GET', target: '/', keepsAlive: true, hasBody: false },
  },
  {
    title: 'a body in chunks',
    text: 'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
    head: { method: 'GET', target: '/', keepsAlive: true, hasBody: true },
  },
  {
    title: 'two lengths that disagree, as a body',
    text: 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n',
    head: { method: 'GET', target: '/', keepsAlive: true, hasBody: true },
  },
  {
    title: 'only the first of several requests',
    text: 'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n',
    head: { method: 'GET', target: '/a', keepsAlive: true, hasBody: false },
    rest: 'GET /b HTTP/1.1\r\nHost: a\r\n\r\n',
  },
];

for (const { title, text, head, rest = '' } of complete) {
  test(`parseRequestHead reads ${title}`, () => {
    assert.deepEqual(parse(text), { kind: 'complete', head, lengthBytes: text.length - rest.length });
  });
}

const refused: { title: string; text: string; status: number }[] = [
  { title: 'garbage', text: 'hello\r\n\r\n', status: 400 },
  { title: 'a target with spaces', text: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { title: 'a method that is not a token', text: 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { title: 'an empty line before the request', text: '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { title: 'HTTP/1.1 without a host', text: 'GET / HTTP/1.1\r\nAccept: a\r\n\r\n', status: 400 },
  { title: 'a space before the colon', text: 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', status: 400 },
  { title: 'a folded line', text: 'GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n', status: 400 },
  { title: 'a bare line feed in a value', text: 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', status: 400 },
  { title: 'HTTP/2', text: 'PRI * HTTP/2.0\r\n\r\n', status: 505 },
  { title: 'too long a head', text: `GET / HTTP/1.1\r\nX: ${'x'.repeat(HEAD_LENGTH_MAX_BYTES)}`, status: 431 },
  {
    title: 'too long a head that ends',
    text: `GET / HTTP/1.1\r\nX: ${'x'.repeat(HEAD_LENGTH_MAX_BYTES)}\r\n\r\n`,
    status: 431,
  },
];

for (const { title, text, status } of refused) {
  test(`parseRequestHead refuses ${title}`, () => {
    const parsed = parse(text);
    assert.equal(parsed.kind, 'refused');
    assert.equal(parsed.status, status);
  });
}

test('parseRequestHead waits for the end of a head, byte by byte', () => {
  const text = 'HEAD /topology?x=1 HTTP/1.1\r\nHost: a\r\n\r\n';
  for (let length = 0; length < text.length; length += 1) {
    assert.deepEqual(parse(text.slice(0, length)), { kind: 'incomplete' }, `${length} bytes`);
  }
  assert.equal(parse(text).kind, 'complete');
});

test('parseRequestHead takes any bytes, and what it reads does not depend on what follows', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 9_000 }), fc.uint8Array({ maxLength: 100 }), (head, rest) => {
    const bytes = Buffer.concat([head, Buffer.from('\r\n\r\n')]);
    const alone = parseRequestHead(bytes);
    assert.notEqual(alone.kind, 'incomplete');
    assert.deepEqual(parseRequestHead(Buffer.concat([bytes, rest])), alone);
  });
  fc.assert(property, { numRuns: 300 });
});
