import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { ResourceV1Api, type V1PolicyRule, type V1ResourceSlice } from '@kubernetes/client-node';
import { Cluster, DRIVER } from './support/cluster.ts';
import { Driver } from './support/driver.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

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

/** What the driver may and does only on an occasion that the tests do not bring about, or what is no call of its own. */
const SELDOM: ReadonlyMap<string, string> = new Map([
  ['get resourceslices.resource.k8s.io', 'somebody changed a slice while the driver did'],
  ['patch events', 'an event came again'],
  [
    'associated-node:patch resourceclaims/driver.resource.k8s.io',
    'the API server asks for it besides each patch of a status',
  ],
]);

function isAllowed(rules: readonly V1PolicyRule[], call: string): boolean {
  const [verb = '', target = ''] = call.split(' ');
  const [resource = '', ...group] = target.split('.');
  return rules.some(
    ({ verbs, resources, apiGroups }) =>
      verbs.includes(verb) && resources?.includes(resource) && apiGroups?.includes(group.join('.')),
  );
}

/** The call as "verb resource/subresource.group". */
function describeCall({ verb, objectRef = {} }: Pick<AuditedCall, 'verb' | 'objectRef'>): string {
  const { apiGroup, resource, subresource } = objectRef;
  return `${verb} ${[resource, subresource].filter(Boolean).join('/')}${apiGroup ? `.${apiGroup}` : ''}`;
}

/** The calls of a driver, and of dracpu-gatherinfo beside it, in the audit log. */
async function readCalls(auditLog: string, username: string): Promise<AuditedCall[]> {
  const lines = (await readFile(auditLog, 'utf8')).trimEnd().split('\n');
  const calls = lines
    .map((line) => JSON.parse(line) as AuditedCall)
    .filter(({ user, userAgent }) => user.username === username && /^dracpu(-gatherinfo)?\//.test(userAgent ?? ''));
  assert.ok(calls.length > 0, `the audit log names no call of ${username}`);
  return calls;
}

/** Has the driver, and dracpu-gatherinfo beside it, ask the API server for all that they may. */
async function bringAboutCalls(cluster: Cluster, driver: Driver, story: Story): Promise<void> {
  const pod = await driver.waitReady();
  const container = pod.spec?.containers[0]?.name ?? '';
  const { succeeded, stderr } = await cluster.exec(pod, container, ['/dracpu-gatherinfo', '--stdout']);
  assert.ok(succeeded, stderr);
  await story.runPodWithCpus('owner', 1);
  await story.createPod({ name: 'guest', claims: { cpu: { claim: 'owner' } } });
  await story.waitEvent('guest', new RegExp(`${story.namespace}/owner`));
  const [slice] = await cluster.slices();
  assert.ok(slice?.spec.devices);
  const name = slice.metadata?.name ?? '';
  const wanted = slice.spec.devices.length;
  slice.spec.devices = [];
  await cluster.resource.replaceResourceSlice({ name, body: slice });
  const isRestored = async () => (await cluster.slices())[0]?.spec.devices?.length === wanted;
  await poll('the devices of a slice that lost them', isRestored);
  await cluster.resource.deleteResourceSlice({ name });
  await poll('a slice in the place of the deleted one', isRestored);
  await createStraySlice(cluster, cluster.resource);
}

/** Makes a slice of the node that the driver does not know, and waits until the driver has removed it. */
async function createStraySlice(cluster: Cluster, api: ResourceV1Api): Promise<void> {
  const own = await api.createResourceSlice({ body: straySlice(cluster.nodeName) });
  await poll('the end of the slice', async () => {
    const { items } = await cluster.resource.listResourceSlice({});
    return !items.some(({ metadata }) => metadata?.name === own.metadata?.name);
  });
}

function straySlice(nodeName: string): V1ResourceSlice {
  const pool = { name: 'dracpu-e2e', generation: 1, resourceSliceCount: 1 };
  return { metadata: { generateName: 'dracpu-e2e-' }, spec: { driver: DRIVER, nodeName, pool, devices: [] } };
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

  it('refuse no call that the driver made, and are no more than these calls need', async (t) => {
    const { auditLog } = cluster.settings;
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    if (auditLog === undefined) return t.skip('no audit log: DRACPU_E2E_AUDIT_LOG is not set');
    const story = await Story.begin(t, cluster);
    await bringAboutCalls(cluster, driver, story);
    const username = `system:serviceaccount:${driver.namespace}:${driver.serviceAccount}`;
    const rules = await readRules(driver);
    const granted = rules.flatMap(({ verbs, resources, apiGroups }) =>
      verbs.flatMap((verb) =>
        (resources ?? []).flatMap((resource) =>
          (apiGroups ?? []).map((group) => describeCall({ verb, objectRef: { resource, apiGroup: group } })),
        ),
      ),
    );
    // The API server writes its log behind the calls.
    await poll('a call for each permission', async () => {
      const calls = await readCalls(auditLog, username);
      // dracpu-gatherinfo goes without what it may not list.
      const refused = calls
        .filter(({ userAgent, responseStatus }) => userAgent?.startsWith('dracpu/') && responseStatus?.code === 403)
        .map(describeCall);
      assert.deepEqual([...new Set(refused)], []);
      const made = new Set(calls.map(describeCall));
      assert.deepEqual(
        granted.filter((call) => !made.has(call) && !SELDOM.has(call)),
        [],
        'permissions that no call needed',
      );
      return true;
    });
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
    const body = straySlice(`not-${cluster.nodeName}`);
    await assert.rejects(asDriver.createResourceSlice({ body }), /another node/);
    // The driver itself removes a slice of its own node that it did not make.
    await createStraySlice(cluster, asDriver);
  });
});
