import type { ResourceKind } from '../kinds/resource-kind.ts';

/** What a path of the API names. */
export interface ResourceTarget {
  readonly kind: ResourceKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Subresources of a namespace, which look like resources within it. */
const NAMESPACE_SUBRESOURCES = ['status', 'finalize'];

/** The steps of a path, undefined when it is not well encoded. */
function segmentsOf(path: string): string[] | undefined {
  try {
    return path
      .split('/')
      .filter((segment) => segment !== '')
      .map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

/** Group, version and the rest of a path below /api or /apis. */
function splitGroup(segments: readonly string[]): { group: string; version: string; rest: string[] } | undefined {
  const [root, ...others] = segments;
  if (root === 'api') {
    const [version = '', ...rest] = others;
    return { group: '', version, rest };
  }
  if (root !== 'apis') return undefined;
  const [group = '', version = '', ...rest] = others;
  return { group, version, rest };
}

/** Reads a path such as /apis/resource.k8s.io/v1/namespaces/shop/resourceclaims/db/status; undefined when it is none. */
export function parseTarget(path: string, kinds: Iterable<ResourceKind>): ResourceTarget | undefined {
  const split = splitGroup(segmentsOf(path) ?? []);
  if (!split) return undefined;
  const { group, version, rest } = split;
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest[2] !== undefined && !NAMESPACE_SUBRESOURCES.includes(rest[2])) {
    namespace = rest[1];
    rest.splice(0, 2);
  }
  const [plural, name, subresource, ...more] = rest;
  if (plural === undefined || more.length > 0) return undefined;
  for (const kind of kinds) {
    const isMeant = kind.group === group && kind.version === version && kind.plural === plural;
    if (isMeant && (kind.namespaced || namespace === undefined)) return { kind, namespace, name, subresource };
  }
  return undefined;
}
