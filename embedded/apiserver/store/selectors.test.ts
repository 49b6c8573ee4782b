import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'db',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { app: 'db', tier: 'back', 'example.com/zone': 'a' },
  },
  spec: { nodeName: 'n1' },
};

describe('parseLabelSelector', () => {
  const selectors: [string, boolean][] = [
    ['app=db', true],
    ['app==db,tier=back', true],
    ['app!=db', false],
    ['missing!=x', true],
    ['app in (web, db)', true],
    ['app notin (web,db)', false],
    ['missing notin (a)', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['example.com/zone=a', true],
    ['app in (web),tier=back', false],
  ];
  for (const [selector, matches] of selectors) {
    it(`${selector} ${matches ? 'matches' : 'does not match'}`, () => {
      assert.equal(parseLabelSelector(selector)(pod), matches);
    });
  }
  for (const selector of ['a=b=c', 'app in web', '=x', 'app>1']) {
    it(`refuses ${selector}`, () => assert.throws(() => parseLabelSelector(selector), { code: 'BadRequest' }));
  }
});

describe('parseFieldSelector', () => {
  const selectors: [string, boolean][] = [
    ['metadata.name=db', true],
    ['metadata.namespace!=shop', false],
    ['spec.nodeName=n1', true],
    ['spec.nodeName!=', true],
    ['spec.nodeName=', false],
    ['status.phase=', true],
  ];
  for (const [selector, matches] of selectors) {
    it(`${selector} ${matches ? 'matches' : 'does not match'}`, () => {
      assert.equal(parseFieldSelector(selector, ['spec.nodeName', 'status.phase'])(pod), matches);
    });
  }
  it('refuses a field that is not selectable', () => {
    assert.throws(() => parseFieldSelector('spec.hostname=x', []), { message: /field label not supported/ });
  });
});
