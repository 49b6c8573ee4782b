import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { ResourceV1Api, type V1PolicyRule } from '@kubernetes/client-node';
import { Cluster, DRIVER } from './support/cluster.ts';
import { Driver } from './support/driver.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';

/** One call as the API server's audit log has it (audit.k8s.io/v1 Event, the fields read here). */
interface AuditedCall {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the driver must be allowed, as "verb resource.group". */
const NEEDED = [
  'get nodes',
  'list resourceslices.resource.k8s.io',
  'create resourceslices.resource.k8s.io',
  'update resourceslices.resource.k8s.io',
  'delete resourceslices.resource.k8s.io',
  'get resourceclaims.resource.k8s.io',
];

function isAllowed(rules: readonly V1PolicyRule[], call: string): boolean {
  const [verb = '', target = ''] = call.split(' ');
  const [resource = '', ...group] = target.split('.');
  return rules.some(
    ({ verbs, resources, apiGroups }) =>
      verbs.includes(verb) && resources?.includes(resource) && apiGroups?.includes(group.join('.')),
  );
}

describe('permissions', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  /** The rules of every cluster role bound to the driver. */
  async function readRules(driver: Driver): Promise<V1PolicyRule[]> {
    const { items } = await cluster.rbac.listClusterRoleBinding();
    const bound = items.filter(({ subjects }) =>
      subjects?.some(({ name, namespace }) => name === driver.serviceAccount && namespace === driver.namespace),
    );
    const roles = await Promise.all(bound.map(({ roleRef }) => cluster.rbac.readClusterRole({ name: roleRef.name })));
    return roles.flatMap(({ rules }) => rules ?? []);
  }

  it('are as many as the driver needs and no wildcard', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    const rules = await readRules(driver);
    for (const call of NEEDED) assert.ok(isAllowed(rules, call), `may not ${call}`);
    for (const { verbs, resources, apiGroups } of rules) {
      assert.ok(![...verbs, ...(resources ?? []), ...(apiGroups ?? [])].includes('*'), 'a rule has a wildcard');
      assert.ok(!resources?.includes('secrets'), 'may read secrets');
    }
  });

  it('refuse no call that the driver made', async (t) => {
    const { auditLog } = cluster.settings;
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    if (auditLog === undefined) return t.skip('no audit log: DRACPU_E2E_AUDIT_LOG is not set');
    const username = `system:serviceaccount:${driver.namespace}:${driver.serviceAccount}`;
    const lines = (await readFile(auditLog, 'utf8')).trimEnd().split('\n');
    const calls = lines
      .map((line) => JSON.parse(line) as AuditedCall)
      .filter(({ user, userAgent }) => user.username === username && userAgent?.startsWith('dracpu/'));
    assert.ok(calls.length > 0, `the audit log names no call of ${username}`);
    const describeCall = ({ verb, objectRef = {} }: AuditedCall) => {
      const { apiGroup, resource, subresource } = objectRef;
      return `${verb} ${[resource, subresource].filter(Boolean).join('/')}${apiGroup === undefined ? '' : `.${apiGroup}`}`;
    };
    const refused = calls.filter(({ responseStatus }) => responseStatus?.code === 403).map(describeCall);
    console.log(`calls made: ${[...new Set(calls.map(describeCall))].sort().join(', ')}`);
    assert.deepEqual([...new Set(refused)], []);
  });

  it('refuse to write a slice of another node', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    if (!(await cluster.policyNames()).some((name) => /dra-driver-cpu|dracpu/.test(name))) {
      return t.skip('no ValidatingAdmissionPolicy of the driver is installed');
    }
    const pod = await driver.waitReady();
    const { status } = await cluster.core.createNamespacedServiceAccountToken({
      namespace: driver.namespace,
      name: driver.serviceAccount,
      body: {
        spec: {
          audiences: [],
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata?.name, uid: pod.metadata?.uid },
        },
      },
    });
    const asDriver = cluster.apiWithToken(status?.token ?? '', ResourceV1Api);
    const slice = (nodeName: string) => ({
      metadata: { generateName: 'dracpu-e2e-' },
      spec: {
        driver: DRIVER,
        nodeName,
        pool: { name: 'dracpu-e2e', generation: 1, resourceSliceCount: 1 },
        devices: [],
      },
    });
    await assert.rejects(asDriver.createResourceSlice({ body: slice(`not-${cluster.nodeName}`) }), /another node/);
    // The driver itself removes a slice of its own node that it did not make.
    const own = await asDriver.createResourceSlice({ body: slice(cluster.nodeName) });
    await poll('the end of the slice', async () => {
      const { items } = await cluster.resource.listResourceSlice({});
      return !items.some(({ metadata }) => metadata?.name === own.metadata?.name);
    });
  });
});
