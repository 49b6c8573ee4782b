import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHolders } from './stranded-pods.ts';

interface ClaimParts {
  readonly pods?: readonly string[];
  readonly nodes?: readonly string[];
  readonly driver?: string;
  readonly cpuset?: string;
}

/** A claim as the API server has it. */
function claim(name: string, { pods = [], nodes = ['node-a'], driver = 'dra.cpu', cpuset }: ClaimParts = {}): object {
  return {
    metadata: { namespace: 'shop', name, uid: `uid-${name}` },
    status: {
      allocation: { devices: { results: nodes.map((pool) => ({ driver, pool, device: 'cpudevnuma000' })) } },
      reservedFor: pods.map((pod) => ({ resource: 'pods', name: pod, uid: `uid-${pod}` })),
      ...(cpuset && { devices: [{ driver, pool: nodes[0], device: 'cpudevnuma000', data: { cpuset } }] }),
    },
  };
}

const query = { driverName: 'dra.cpu', nodeName: 'node-a', localCpus: new Map([['uid-local', '4-5']]) };
const said = (claims: readonly unknown[], nodeName: string | undefined = 'node-a') => {
  const { pods, idleClaims } = findHolders(claims, { ...query, nodeName });
  return [
    ...pods.map(
      ({ node, name, claims: held }) => `${node} ${name}: ${held.map((one) => `${one.name} ${one.cpus}`).join(', ')}`,
    ),
    ...idleClaims.map(({ node, name, cpus }) => `${node} idle: ${name} ${cpus}`),
  ];
};

test('R9: findHolders names pods of the node with their claims, prepared or not, and who is reserved for none', () => {
  const claims = [
    claim('db', { pods: ['db-0'], cpuset: '2-3' }),
    claim('local', { pods: ['cache', 'db-0'] }),
    claim('starting', { pods: ['web'] }),
    claim('left', { cpuset: '6' }),
  ];
  assert.deepEqual(said(claims), [
    'node-a cache: local 4-5',
    'node-a db-0: db 2-3, local 4-5',
    'node-a web: starting undefined',
    'node-a idle: left 6',
  ]);
});

test('findHolders leaves out other drivers, other nodes and claims that are not allocated, unless all nodes are asked for', () => {
  const claims = [
    claim('gpu', { pods: ['gpu'], driver: 'gpu.example.com' }),
    claim('far', { pods: ['far'], nodes: ['node-b'], cpuset: '0' }),
    claim('pending', { pods: ['pending'], nodes: [] }),
    { metadata: { name: 'bare' } },
    undefined,
  ];
  assert.deepEqual(said(claims), []);
  const { pods } = findHolders(claims, { ...query, nodeName: undefined });
  assert.deepEqual(
    pods.map(({ node, name }) => [node, name]),
    [['node-b', 'far']],
  );
});
