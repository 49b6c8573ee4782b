import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Environment } from '@marcbachmann/cel-js';
import { findKind, parseObjects, pick } from './render.ts';

/** The policy of the plain manifest, which is the chart's. */
const spec = pick(
  findKind(parseObjects(readFileSync('deployment/manifests/install.yaml', 'utf8')), 'ValidatingAdmissionPolicy'),
  'spec',
) as {
  readonly matchConditions: readonly { readonly expression: string }[];
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly {
    readonly expression: string;
    readonly message?: string;
    readonly messageExpression?: string;
  }[];
};

interface Review {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly object: object | null;
  readonly oldObject: object | null;
}

const OWN = 'system:serviceaccount:kube-system:dracpu';
const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });

const slice = (nodeName: string | undefined, driver = 'dra.cpu') => ({
  spec: { driver, ...(nodeName === undefined ? { allNodes: true } : { nodeName }) },
});

/** What the API server would answer: undefined when the policy lets the request through. */
function review(
  { operation, object, oldObject }: Review,
  user: { name?: string; node?: string } = {},
): string | undefined {
  const { name = OWN, node } = user;
  const extra = node === undefined ? {} : { extra: { 'authentication.kubernetes.io/node-name': [node] } };
  const variables: Record<string, unknown> = {};
  const context = { request: { operation, userInfo: { username: name, ...extra } }, object, oldObject, variables };
  const evaluate = (expression: string): unknown => environment.evaluate(expression, context);
  if (!spec.matchConditions.every(({ expression }) => evaluate(expression))) return undefined;
  for (const { name: variable, expression } of spec.variables) variables[variable] = evaluate(expression);
  const failed = spec.validations.find(({ expression }) => !evaluate(expression));
  return failed && (failed.message ?? String(evaluate(failed.messageExpression ?? '""')));
}

const onA = { node: 'a' };
const create = (object: object): Review => ({ operation: 'CREATE', object, oldObject: null });
const update = (oldObject: object, object: object): Review => ({ operation: 'UPDATE', object, oldObject });
const remove = (oldObject: object): Review => ({ operation: 'DELETE', object: null, oldObject });

test('C8: a driver may create, change and delete slices of its own node', () => {
  for (const request of [create(slice('a')), update(slice('a'), slice('a')), remove(slice('a'))]) {
    assert.equal(review(request, onA), undefined, request.operation);
  }
});

test('C8: a driver may not write slices of another node, of no node or into another node', () => {
  const refusal = 'Cannot write a ResourceSlice of another node: the driver runs on node "a"';
  for (const request of [
    create(slice('b')),
    create(slice(undefined)),
    update(slice('b'), slice('b')),
    update(slice('a'), slice('b')),
    update(slice('b'), slice('a')),
    remove(slice('b')),
  ]) {
    assert.equal(review(request, onA), refusal, request.operation);
  }
});

test('C8: a driver may not write slices of another driver', () => {
  assert.match(review(create(slice('a', 'gpu.example.com')), onA) ?? '', /another driver/);
  assert.match(review(remove(slice('a', 'gpu.example.com')), onA) ?? '', /another driver/);
});

test('C8: a token that is bound to no pod writes nothing', () => {
  assert.match(review(create(slice('a'))) ?? '', /not bound to a pod/);
});

test('the policy leaves other users alone', () => {
  for (const name of ['system:serviceaccount:kube-system:other', 'system:serviceaccount:default:dracpu', 'admin']) {
    assert.equal(review(create(slice('b')), { name }), undefined);
  }
});
