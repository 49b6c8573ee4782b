import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeSelectorRequirement } from './objects.ts';
import type { Container, Node, Pod, PodSpec } from './core-objects.ts';
import { matchesNode, nodeRefusal, podRequest } from './node-fit.ts';

const metadata = { name: 'x', uid: 'x', resourceVersion: '1', creationTimestamp: '' };
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...metadata, name: 'n1', labels: { zone: 'a', size: '8' } },
  status: { allocatable: { cpu: '4', memory: '1Gi' } },
};

function podWith(spec: Partial<PodSpec>): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec } };
}

function container(cpu: string, more: Partial<Container> = {}): Container {
  return { name: 'c', resources: { requests: { cpu } }, ...more };
}

describe('podRequest', () => {
  const cases: [string, Partial<PodSpec>, bigint][] = [
    ['the sum of the containers', { containers: [container('1'), container('500m')] }, 1500n],
    ['a larger init container', { containers: [container('1')], initContainers: [container('3')] }, 3000n],
    [
      'sidecars too',
      { containers: [container('1')], initContainers: [container('1', { restartPolicy: 'Always' })] },
      2000n,
    ],
    ['what the pod itself says', { containers: [container('1')], resources: { requests: { cpu: '6' } } }, 6000n],
    ['nothing', { containers: [{ name: 'c' }] }, 0n],
  ];
  for (const [what, spec, milli] of cases) {
    it(`is ${what}`, () => assert.equal(podRequest(podWith(spec), 'cpu'), milli * 1_000_000n));
  }
});

describe('nodeRefusal', () => {
  it('adds up the pods of the node', () => {
    const others = [podWith({ containers: [container('3')] })];
    assert.equal(nodeRefusal(podWith({ containers: [container('1')] }), node, others), undefined);
    assert.equal(nodeRefusal(podWith({ containers: [container('1001m')] }), node, others), 'Insufficient cpu');
  });

  it('honours node selector and cordon', () => {
    assert.match(nodeRefusal(podWith({ nodeSelector: { zone: 'b' } }), node, []) ?? '', /affinity\/selector/);
    assert.match(nodeRefusal(podWith({}), { ...node, spec: { unschedulable: true } }, []) ?? '', /unschedulable/);
  });
});

describe('matchesNode', () => {
  const cases: [NodeSelectorRequirement, boolean][] = [
    [{ key: 'zone', operator: 'In', values: ['a', 'b'] }, true],
    [{ key: 'zone', operator: 'NotIn', values: ['a'] }, false],
    [{ key: 'zone', operator: 'Exists' }, true],
    [{ key: 'rack', operator: 'DoesNotExist' }, true],
    [{ key: 'size', operator: 'Gt', values: ['7'] }, true],
    [{ key: 'size', operator: 'Lt', values: ['8'] }, false],
    [{ key: 'zone', operator: 'Like', values: ['a'] }, false],
  ];
  for (const [requirement, matches] of cases) {
    it(`${requirement.key} ${requirement.operator} ${requirement.values?.join() ?? ''}: ${matches}`, () => {
      assert.equal(matchesNode({ nodeSelectorTerms: [{ matchExpressions: [requirement] }] }, node), matches);
    });
  }

  it('looks at the name as a field and takes an empty term for none', () => {
    const named = { key: 'metadata.name', operator: 'In', values: ['n1'] };
    assert.equal(matchesNode({ nodeSelectorTerms: [{}, { matchFields: [named] }] }, node), true);
    assert.equal(matchesNode({ nodeSelectorTerms: [{}] }, node), false);
  });
});
