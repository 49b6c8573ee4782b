import type { ASTNode } from '@marcbachmann/cel-js';

/** A piece of the expression to put something else in place of. */
interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function nodesIn(value: unknown): ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  return isNode(value) ? [value] : [];
}

/** Whether a chain of field accesses goes through an index: `a["b"].c`. */
function hasIndex(node: ASTNode): boolean {
  if (node.op === '[]') return true;
  return node.op === '.' && hasIndex(node.args[0]);
}

/** "attributes" or "capacity" when the node is that field of `device`. */
function deviceField(node: ASTNode): 'attributes' | 'capacity' | undefined {
  if (node.op !== '.' || node.args[0].op !== 'id' || node.args[0].args !== 'device') return undefined;
  const field = node.args[1];
  return field === 'attributes' || field === 'capacity' ? field : undefined;
}

function replacementFor(node: ASTNode, source: string): Replacement | undefined {
  if (node.op === 'call' && node.args[0] === 'has') {
    const [field] = node.args[1];
    if (field?.op !== '.' || !hasIndex(field.args[0])) return undefined;
    const holder = source.slice(field.args[0].start, field.args[0].end);
    return { start: node.start, end: node.end, text: `(${JSON.stringify(field.args[1])} in ${holder})` };
  }
  if (node.op !== 'in') return undefined;
  const field = deviceField(node.args[1]);
  if (!field) return undefined;
  const text = field === 'attributes' ? 'device.attributeDomains' : 'device.capacityDomains';
  return { start: node.args[1].start, end: node.args[1].end, text };
}

function collect(node: ASTNode, source: string): Replacement[] {
  const replacement = replacementFor(node, source);
  return replacement ? [replacement] : nodesIn(node.args).flatMap((child) => collect(child, source));
}

/**
 * Rewrites what the CEL library does not know of Kubernetes' dialect: `has()` over an index becomes `in`, and a
 * lookup of the domains themselves goes to a list, because a domain that is not there reads as an empty map.
 */
export function rewriteSelector(ast: ASTNode, source: string): string {
  const replacements = collect(ast, source).sort((a, b) => b.start - a.start);
  return replacements.reduce(
    (text, { start, end, text: replaced }) => text.slice(0, start) + replaced + text.slice(end),
    source,
  );
}
