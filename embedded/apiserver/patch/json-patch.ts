import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../../../src/resource-api/kube-object.ts';
import { badRequest, StatusError } from '../status-error.ts';

/** One step of a JSON patch (RFC 6902). */
interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

/** Most operations of one patch (apiserver maxJSONPatchOperations). */
const OPERATIONS_MAX = 10_000;

function stepsOf(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`Cannot read JSON pointer "${pointer}": it must start with "/"`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function failed(operation: Operation, why: string): StatusError {
  const text = `the server rejected our request due to an error in our request: ${operation.op} ${operation.path}: ${why}`;
  return new StatusError('Invalid', text);
}

function stepInto(holder: unknown, step: string): unknown {
  if (Array.isArray(holder)) return /^\d+$/.test(step) ? (holder as unknown[])[Number(step)] : undefined;
  return isJsonObject(holder) && Object.hasOwn(holder, step) ? holder[step] : undefined;
}

function read(root: unknown, operation: Operation, steps = stepsOf(operation.path)): unknown {
  let value = root;
  for (const step of steps) {
    value = stepInto(value, step);
    if (value === undefined) throw failed(operation, `"${operation.path}" does not exist`);
  }
  return value;
}

/** The holder of the last step of the path, and that step. */
function locate(root: unknown, operation: Operation): { holder: unknown; step: string } {
  const steps = stepsOf(operation.path);
  const step = steps.pop();
  if (step === undefined) throw failed(operation, 'the whole document cannot be replaced');
  return { holder: read(root, operation, steps), step };
}

function add(root: unknown, operation: Operation): void {
  const { value } = operation;
  const { holder, step } = locate(root, operation);
  if (Array.isArray(holder)) {
    const index = step === '-' ? holder.length : Number(step);
    if (!Number.isInteger(index) || index < 0 || index > holder.length) throw failed(operation, 'index out of range');
    holder.splice(index, 0, value);
  } else if (isJsonObject(holder)) holder[step] = value;
  else throw failed(operation, 'not inside an object or a list');
}

function remove(root: unknown, operation: Operation): void {
  const { holder, step } = locate(root, operation);
  if (stepInto(holder, step) === undefined) throw failed(operation, `"${operation.path}" does not exist`);
  if (Array.isArray(holder)) holder.splice(Number(step), 1);
  else if (isJsonObject(holder)) delete holder[step];
}

function run(root: unknown, operation: Operation): void {
  const { op } = operation;
  switch (op) {
    case 'add':
      return add(root, operation);
    case 'remove':
      return remove(root, operation);
    case 'replace':
      remove(root, operation);
      return add(root, operation);
    case 'test':
      if (!isDeepStrictEqual(read(root, operation), operation.value)) throw failed(operation, 'testing value failed');
      return undefined;
    default:
      throw badRequest(`Cannot run JSON patch operation "${op}": unknown; use add, remove, replace or test`);
  }
}

/**
 * The document with a JSON patch (RFC 6902, without `move` and `copy`) applied.
 * @throws StatusError BadRequest or Invalid.
 */
export function applyJsonPatch<T>(document: T, patch: unknown): T {
  if (!Array.isArray(patch) || patch.length > OPERATIONS_MAX) {
    throw badRequest(`Cannot apply a JSON patch: it must be a list of at most ${OPERATIONS_MAX} operations`);
  }
  const patched = structuredClone(document);
  for (const operation of patch as unknown[]) {
    if (!isJsonObject(operation) || typeof operation['path'] !== 'string' || typeof operation['op'] !== 'string') {
      throw badRequest('Cannot apply a JSON patch: every operation needs "op" and "path"');
    }
    run(patched, structuredClone(operation) as unknown as Operation);
  }
  return patched;
}
