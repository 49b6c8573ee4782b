import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KINDS } from '../kinds/kinds.ts';
import { parseTarget } from './request-target.ts';

describe('parseTarget', () => {
  const targets: [string, string | undefined][] = [
    ['/api/v1/pods', 'pods - - -'],
    ['/api/v1/namespaces/shop/pods/db', 'pods shop db -'],
    ['/api/v1/namespaces/shop/pods/db/status', 'pods shop db status'],
    ['/api/v1/namespaces/shop', 'namespaces - shop -'],
    ['/api/v1/namespaces/shop/status', 'namespaces - shop status'],
    ['/api/v1/namespaces', 'namespaces - - -'],
    ['/apis/resource.k8s.io/v1/resourceslices/a', 'resourceslices - a -'],
    ['/apis/resource.k8s.io/v1/namespaces/shop/resourceclaims', 'resourceclaims shop - -'],
    ['/apis/events.k8s.io/v1/events', 'events.events.k8s.io - - -'],
    ['/apis/resource.k8s.io/v1/namespaces/shop/resourceslices', undefined],
    ['/apis/resource.k8s.io/v1beta1/resourceslices', undefined],
    ['/apis/resource.k8s.io/v1', undefined],
    ['/api/v1/widgets', undefined],
    ['/metrics', undefined],
    ['/', undefined],
    ['/api/v1/pods/%zz', undefined],
  ];
  for (const [path, expected] of targets) {
    it(`reads ${path} as ${expected ?? 'no resource'}`, () => {
      const target = parseTarget(path, KINDS);
      const { kind, namespace = '-', name = '-', subresource = '-' } = target ?? {};
      assert.equal(kind && `${kind.key} ${namespace} ${name} ${subresource}`, expected);
    });
  }
});
