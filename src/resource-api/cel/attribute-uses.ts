import type { ASTNode } from '@marcbachmann/cel-js';
import { selectorEnvironment } from './environment.ts';

/** A place where an expression reads an attribute or a capacity of a device. */
export interface AttributeUse {
  readonly of: 'attributes' | 'capacity';
  /** The domain of its name, "dra.cpu" of "dra.cpu/numaNodeID". */
  readonly domain: string;
  readonly name: string;
  /** Whether the expression also asks if the device has it, with `has`, `in` or `?`. */
  readonly isGuarded: boolean;
}

const ENVIRONMENT = selectorEnvironment();

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function textOf(node: unknown): string | undefined {
  return isNode(node) && node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}

type Domain = Pick<AttributeUse, 'of' | 'domain'>;

/** The domain that `device.attributes["domain"]` names. */
function findDomain(node: unknown): Domain | undefined {
  if (!isNode(node) || (node.op !== '[]' && node.op !== '[?]')) return undefined;
  const [holder, key] = node.args;
  const domain = textOf(key);
  if (domain === undefined || holder.op !== '.') return undefined;
  const [object, of] = holder.args;
  const isDevice = object.op === 'id' && object.args === 'device';
  return isDevice && (of === 'attributes' || of === 'capacity') ? { of, domain } : undefined;
}

/** The use that a node itself is. */
function findUse(node: ASTNode): AttributeUse | undefined {
  if (node.op === 'in') {
    const domain = findDomain(node.args[1]);
    const name = textOf(node.args[0]);
    return domain && name !== undefined ? { ...domain, name, isGuarded: true } : undefined;
  }
  if (node.op === '.' || node.op === '.?') {
    const domain = findDomain(node.args[0]);
    return domain && { ...domain, name: node.args[1], isGuarded: node.op === '.?' };
  }
  if (node.op !== '[]' && node.op !== '[?]') return undefined;
  const domain = findDomain(node.args[0]);
  const name = textOf(node.args[1]);
  return domain && name !== undefined ? { ...domain, name, isGuarded: node.op === '[?]' } : undefined;
}

function collect(value: unknown, isTested: boolean): AttributeUse[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => collect(item, isTested));
  if (!isNode(value)) return [];
  const use = findUse(value);
  if (use) return [{ ...use, isGuarded: use.isGuarded || isTested }];
  const isTest = value.op === 'call' && value.args[0] === 'has';
  return collect(value.args, isTest);
}

/**
 * The attributes and capacities that a selector reads, each once, in the order of their first use. An attribute that is read
 * without asking for it makes the expression fail on devices that do not have it.
 * @param expression one that compiles; any other has no uses.
 * @example findAttributeUses('device.attributes["dra.cpu"].coreType == "p-core"')
 */
export function findAttributeUses(expression: string): readonly AttributeUse[] {
  let ast: ASTNode;
  try {
    ({ ast } = ENVIRONMENT.parse(expression));
  } catch {
    return [];
  }
  const uses = new Map<string, AttributeUse>();
  for (const use of collect(ast, false)) {
    const key = `${use.of} ${use.domain}/${use.name}`;
    uses.set(key, { ...use, isGuarded: use.isGuarded || (uses.get(key)?.isGuarded ?? false) });
  }
  return [...uses.values()];
}
