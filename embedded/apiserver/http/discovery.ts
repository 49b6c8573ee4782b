import { apiVersionOf, type ResourceKind } from '../kinds/resource-kind.ts';

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

function groupVersions(kinds: readonly ResourceKind[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of kinds) {
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  }
  return groups;
}

function groupDocument(group: string, versions: readonly string[]): object {
  const all = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions: all, preferredVersion: all[0] };
}

function resourceEntries(kind: ResourceKind): object[] {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs: VERBS,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  const parts = Object.entries(kind.subresources).map(([name, subresource]) => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    kind: subresource.kind === 'action' ? subresource.bodyKind : kind.kind,
    verbs: subresource.kind === 'action' ? ['create'] : ['get', 'patch', 'update'],
  }));
  return [main, ...parts];
}

/** The discovery document at a path (/api, /apis, a group or a group version), undefined where there is none. */
export function discoveryDocument(path: string, kinds: readonly ResourceKind[], address: string): object | undefined {
  const [root, ...rest] = path.split('/').filter((segment) => segment !== '');
  const groups = groupVersions(kinds);
  if (root === 'api' && rest.length === 0) {
    const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
    return { kind: 'APIVersions', versions: groups.get('') ?? [], serverAddressByClientCIDRs };
  }
  if (root === 'apis' && rest.length === 0) {
    const named = [...groups].filter(([group]) => group !== '');
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: named.map(([group, versions]) => groupDocument(group, versions)),
    };
  }
  if (root === 'apis' && rest.length === 1) {
    const versions = groups.get(rest[0] ?? '');
    return versions && groupDocument(rest[0] ?? '', versions);
  }
  if (root !== 'api' && root !== 'apis') return undefined;
  const groupVersion = rest.join('/');
  const served = kinds.filter(
    (kind) => apiVersionOf(kind) === groupVersion && (kind.group === '') === (root === 'api'),
  );
  if (served.length === 0) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: served.flatMap(resourceEntries) };
}
