import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNriVersion, knowsAllEvents, takesUnsolicitedUpdates } from './runtime-info.ts';
import { chooseEventMask } from './subscription.ts';

const runtimes = [
  { name: 'containerd', version: '2.1.9+unknown', said: '', nri: '0.8.0', allEvents: false, updates: false },
  { name: 'containerd', version: 'v2.2.1', said: '', nri: '0.11.0', allEvents: true, updates: false },
  { name: 'containerd', version: 'v2.4.0', said: 'v0.12.0', nri: 'v0.12.0', allEvents: true, updates: false },
  { name: 'containerd', version: 'v2.4.0', said: 'v0.12.1', nri: 'v0.12.1', allEvents: true, updates: true },
  { name: 'containerd', version: 'v2.1.0', said: '(devel)', nri: '0.8.0', allEvents: false, updates: false },
  { name: 'cri-o', version: '1.33.4', said: '', nri: '0.9.0', allEvents: false, updates: false },
  { name: 'cri-o', version: '1.36.0', said: '0.0.0-unknown', nri: '0.11.0', allEvents: true, updates: false },
  { name: 'containerd', version: '1.6.9', said: '', nri: undefined, allEvents: false, updates: false },
  { name: 'other', version: '9.9.9', said: '', nri: undefined, allEvents: false, updates: false },
  { name: 'other', version: '', said: 'v1.0.0', nri: 'v1.0.0', allEvents: true, updates: true },
] as const;

for (const { name, version, said, nri, allEvents, updates } of runtimes) {
  test(`findNriVersion of ${name} ${version || '?'} that says ${said || 'nothing'} is ${nri ?? 'unknown'}`, () => {
    const nriVersion = findNriVersion({ name, version, said });
    assert.equal(nriVersion, nri);
    assert.equal(knowsAllEvents({ nriVersion }), allEvents);
    assert.equal(takesUnsolicitedUpdates({ nriVersion }), updates);
  });
}

test('chooseEventMask subscribes to what has a handler and the runtime knows', () => {
  const handlers = { createContainer: () => ({}), stopContainer: () => [], updatePodSandbox: () => {} };
  assert.equal(chooseEventMask(handlers, { nriVersion: '0.8.0' }), 0x208);
  assert.equal(chooseEventMask(handlers, { nriVersion: '0.12.1' }), 0xa08);
});

test('chooseEventMask never asks for all events by accident', () => {
  assert.equal(chooseEventMask({}, { nriVersion: '0.12.1' }), 4);
  assert.equal(chooseEventMask({ updatePodSandbox: () => {} }, { nriVersion: undefined }), 4);
});
