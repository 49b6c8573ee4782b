import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIssue } from './manifest.ts';
import {
  claim,
  claimOf,
  container,
  exactly,
  four,
  opaque,
  pod,
  podLevel,
  resourceClaims,
  v1alpha1,
} from './testing/manifests.ts';
import type { GivenSettings } from './settings.ts';
import { check } from './testing/check.ts';
import { validateManifests } from './validate.ts';

/** A claim of four CPUs whose container runs on shared ones, too. */
const mixed = (name: string) =>
  claimOf({ requests: [four], config: [opaque(v1alpha1({ sharedCPUs: true }))] }).replace(
    '"name":"c"',
    `"name":"${name}"`,
  );
/** A pod whose container uses one request of claim a. */
const podWithRequest = (request: string) =>
  pod({
    containers: [
      {
        name: 'm',
        resources: { requests: { cpu: '2' }, limits: { cpu: '2' }, claims: [{ name: 'a', request }] },
      },
    ],
    resourceClaims: resourceClaims('a'),
  });
const ofMixedClass = { deviceClassName: 'mixed' };

const cases: { title: string; documents: string[]; settings?: GivenSettings; want: (string | RegExp)[] }[] = [
  {
    title: 'Option B: a container that repeats its claim',
    documents: [
      claim('a', 10),
      pod({ containers: [container('m', { cpu: '10', claims: ['a'] })], resourceClaims: resourceClaims('a') }),
    ],
    want: [],
  },
  {
    title: 'Option B: another notation of the same number',
    documents: [
      claim('a', 2),
      pod({ containers: [container('m', { cpu: '2000m', claims: ['a'] })], resourceClaims: resourceClaims('a') }),
    ],
    want: [],
  },
  {
    title: 'Option B: a request and a limit unlike the claim',
    documents: [
      claim('a', 10),
      pod({
        containers: [container('m', { cpu: '8', limit: '12', claims: ['a'] })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: [
      'error spec.containers[0].resources.requests.cpu: 10, the CPUs of claim a',
      'error spec.containers[0].resources.limits.cpu: 10, the CPUs of claim a',
    ],
  },
  {
    title: 'Option B: no cpu at all',
    documents: [
      claim('a', 2),
      pod({ containers: [container('m', { claims: ['a'] })], resourceClaims: resourceClaims('a') }),
    ],
    want: [/requests\.cpu: 2, the CPUs of claim a$/, /limits\.cpu: 2, the CPUs of claim a$/],
  },
  {
    title: 'Option B: two claims of one container',
    documents: [
      claim('a', 2),
      claim('b', 3),
      pod({ containers: [container('m', { cpu: '5', claims: ['a', 'b'] })], resourceClaims: resourceClaims('a', 'b') }),
    ],
    want: [],
  },
  {
    title: 'Option A: claims and a sidecar that add up, as the specification has it',
    documents: [
      claim('a', 10),
      claim('b', 4),
      pod({
        ...podLevel('16'),
        containers: [
          container('m', { claims: ['a'] }),
          container('w', { cpu: '4', claims: ['b'] }),
          container('s', { cpu: '2' }),
        ],
        resourceClaims: resourceClaims('a', 'b'),
      }),
    ],
    want: [],
  },
  {
    title: 'Option A: a pod with less than its claims and shared containers',
    documents: [
      claim('a', 10),
      pod({
        ...podLevel('11'),
        containers: [container('m', { claims: ['a'] }), container('s', { cpu: '1500m' })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: [
      'error spec.resources.requests.cpu: 11500m CPUs or more: 10 of claims and 1500m of shared CPUs',
      'error spec.resources.limits.cpu: 11500m CPUs or more: 10 of claims and 1500m of shared CPUs',
    ],
  },
  {
    title: 'Option A: a limit over the request',
    documents: [
      claim('a', 10),
      pod({
        ...podLevel('10', '12'),
        containers: [container('m', { claims: ['a'] })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: ["error spec.resources.limits.cpu: the pod's request, 10"],
  },
  {
    title: 'Option A: a container that states another number than its claim',
    documents: [
      claim('a', 10),
      pod({
        ...podLevel('10'),
        containers: [container('m', { cpu: '4', claims: ['a'] })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: [/containers\[0\]\.resources\.requests\.cpu: 10/, /containers\[0\]\.resources\.limits\.cpu: 10/],
  },
  {
    title: 'Option A: nothing left for a sidecar, which init containers do not count as',
    documents: [
      claim('a', 10),
      pod({
        ...podLevel('10'),
        initContainers: [container('i')],
        containers: [container('m', { claims: ['a'] }), container('s')],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: ['warning spec.resources.requests.cpu: more than the 10 CPUs of the claims'],
  },
  {
    title: 'no accounting with node allocatable mappings',
    documents: [
      claim('a', 10),
      pod({ containers: [container('m', { claims: ['a'] })], resourceClaims: resourceClaims('a') }),
    ],
    settings: { nodeAllocatableMapping: true },
    want: [],
  },
  {
    title: 'Option B: half a CPU of the shared ones, with a limit and without',
    documents: [
      mixed('c'),
      pod({
        containers: [{ name: 'm', resources: { requests: { cpu: '4500m' }, claims: [{ name: 'c' }] } }],
        resourceClaims: resourceClaims('c'),
      }),
    ],
    want: [],
  },
  {
    title: 'Option B: less than the claim although CPUs are shared besides',
    documents: [
      mixed('c'),
      pod({
        containers: [container('m', { cpu: '3500m', claims: ['c'] })],
        resourceClaims: resourceClaims('c'),
      }),
    ],
    want: [
      'error spec.containers[0].resources.requests.cpu: 4 or more: the CPUs of claim c, and what it needs of the shared ones',
      'error spec.containers[0].resources.limits.cpu: 4 or more: the CPUs of claim c, and what it needs of the shared ones',
    ],
  },
  {
    title: 'Option A: what a container asks for of shared CPUs counts for the pod',
    documents: [
      mixed('c'),
      pod({
        ...podLevel('4'),
        containers: [container('m', { cpu: '4500m', claims: ['c'] })],
        resourceClaims: resourceClaims('c'),
      }),
    ],
    want: [
      'error spec.resources.requests.cpu: 4500m CPUs or more: 4 of claims and 500m of shared CPUs',
      'error spec.resources.limits.cpu: 4500m CPUs or more: 4 of claims and 500m of shared CPUs',
    ],
  },
  {
    title: 'Option B: shared CPUs by the DeviceClass, which a claim takes back',
    documents: [
      JSON.stringify({
        apiVersion: 'resource.k8s.io/v1',
        kind: 'DeviceClass',
        metadata: { name: 'mixed' },
        spec: {
          selectors: [{ cel: { expression: 'device.driver == "dra.cpu"' } }],
          config: [{ opaque: { driver: 'dra.cpu', parameters: v1alpha1({ sharedCPUs: true }) } }],
        },
      }),
      claimOf({ requests: [exactly({ ...ofMixedClass, count: 1 })] }),
      claimOf({ requests: [exactly(ofMixedClass)], config: [opaque(v1alpha1({ sharedCPUs: false }))] }).replace(
        '"name":"c"',
        '"name":"d"',
      ),
      pod({
        containers: [container('m', { cpu: '1500m', claims: ['c'] }), container('n', { cpu: '1500m', claims: ['d'] })],
        resourceClaims: resourceClaims('c', 'd'),
      }),
    ],
    want: [
      'error spec.containers[1].resources.requests.cpu: 1, the CPUs of claim d',
      'error spec.containers[1].resources.limits.cpu: 1, the CPUs of claim d',
    ],
  },
  {
    title: 'a claim that two containers use',
    documents: [
      claim('a', 2),
      pod({
        containers: [container('m', { cpu: '2', claims: ['a'] }), container('n', { cpu: '2', claims: ['a'] })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    want: ['error spec.containers[1].resources.claims[0].name: a claim of its own: "a" is used by container m too'],
  },
  {
    title: 'a claim that two containers may use',
    documents: [
      claim('a', 2),
      pod({
        ...podLevel('2'),
        containers: [container('m', { claims: ['a'] }), container('n', { claims: ['a'] })],
        resourceClaims: resourceClaims('a'),
      }),
    ],
    settings: { claimSharing: 'pod' },
    want: [],
  },
  {
    title: 'a claim of two pods, and of many replicas',
    documents: [
      claim('a', 2),
      pod({ containers: [container('m', { cpu: '2', claims: ['a'] })], resourceClaims: resourceClaims('a') }),
      pod(
        { containers: [container('m', { cpu: '2', claims: ['a'] })], resourceClaims: resourceClaims('a') },
        { kind: 'Deployment', name: 'd', extra: { replicas: 3 } },
      ),
    ],
    want: [
      /^error spec\.template\.spec\.resourceClaims\[0\]\.resourceClaimName: a claim that no other pod uses; Pod default\/p does/,
      /a claim for each of the pods/,
    ],
  },
  {
    title: 'a claim that no container uses, one that does not exist, and one of another file',
    documents: [
      claim('a', 2),
      pod({
        containers: [container('m', { claims: ['aa'] })],
        resourceClaims: [...resourceClaims('a'), { name: 'x', resourceClaimTemplateName: 'elsewhere' }],
      }),
    ],
    want: [
      /^error spec\.containers\[0\]\.resources\.claims\[0\]\.name: a claim of the pod's resourceClaims \(a, x\)/,
      /^warning spec\.resourceClaims\[0\]\.name: a container that uses the claim/,
      /^note spec\.resourceClaims\[1\]\.resourceClaimTemplateName/,
    ],
  },
  {
    title: 'a container that names a request of its claim',
    documents: [claim('a', 2), podWithRequest('cpus')],
    want: [],
  },
  {
    title: 'a container that names a request which its claim does not have',
    documents: [claim('a', 2), podWithRequest('cpu')],
    want: ['error spec.containers[0].resources.claims[0].request: a request of claim a (cpus)'],
  },
  {
    title: 'a container that names a request of a claim for another driver',
    documents: [
      claimOf({ requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] }).replace(
        '"name":"c"',
        '"name":"a"',
      ),
      podWithRequest('gpus'),
    ],
    want: ['error spec.containers[0].resources.claims[0].request: a request of claim a (gpu)'],
  },
  {
    title: 'a container that names an alternative instead of its request',
    documents: [
      claimOf({
        requests: [{ name: 'cpus', firstAvailable: [{ name: 'x', deviceClassName: 'dra.cpu', count: 2 }] }],
      }).replace('"name":"c"', '"name":"a"'),
      podWithRequest('cpus/x'),
    ],
    want: ['error spec.containers[0].resources.claims[0].request: a request of claim a (cpus)'],
  },
  {
    title: 'claims of a pod from neither or both sources, and two of one name',
    documents: [
      claim('a', 2),
      pod({
        containers: [container('m', { cpu: '2', claims: ['b'] })],
        resourceClaims: [
          { name: 'a' },
          { name: 'b', resourceClaimName: 'a', resourceClaimTemplateName: 't' },
          { name: 'a', resourceClaimTemplateName: 'x' },
        ],
      }),
    ],
    want: [
      'error spec.resourceClaims[0]: either resourceClaimName or resourceClaimTemplateName',
      'error spec.resourceClaims[1]: either resourceClaimName or resourceClaimTemplateName',
      'error spec.resourceClaims[2].name: a name that no other claim of the pod has',
      /^note spec\.resourceClaims\[2\]\.resourceClaimTemplateName/,
    ],
  },
  {
    title: 'a variable of the driver’s',
    documents: [pod({ containers: [{ name: 'm', env: [{ name: 'DRA_CPUSET_x', value: '0-3' }] }] })],
    want: [/^error spec\.containers\[0\]\.env\[0\]\.name: no variable that begins with DRA_CPUSET/],
  },
  {
    title: 'a fraction of a CPU',
    documents: [claim('a', '1.5')],
    want: [/\["dra\.cpu\/cpu"\]: a whole number of CPUs, 1 or more/],
  },
  { title: 'no CPU', documents: [claim('a', 0)], want: [/a whole number of CPUs, 1 or more/] },
  {
    title: 'another capacity',
    documents: [claimOf({ requests: [exactly({ capacity: { requests: { cpu: '4' } } })] })],
    want: [
      'error spec.devices.requests[0].exactly.capacity.requests.cpu: the capacity "dra.cpu/cpu", the only one of this driver\'s devices',
    ],
  },
  {
    title: 'an attribute that no device has',
    documents: [
      claimOf({
        requests: [exactly({ selectors: [{ cel: { expression: 'device.attributes["dra.cpu"].numaNode == 0' } }] })],
      }),
    ],
    want: [
      /selectors\[0\]\.cel\.expression: an attribute of devices with cpuDeviceMode grouped, groupBy numanode: numaNodeID/,
    ],
  },
  {
    title: 'a DeviceClass and a driver of nearly our name',
    documents: [
      claimOf({
        requests: [exactly({ deviceClassName: 'dra-cpu' })],
        config: [{ opaque: { driver: 'dra_cpu', parameters: {} } }],
      }),
    ],
    want: [/^warning .*deviceClassName: the name of a DeviceClass/, /^warning .*opaque\.driver: the name of a driver/],
  },
  {
    title: 'other drivers’ claims',
    documents: [
      claimOf({
        requests: [exactly({ deviceClassName: 'gpu.example.com', capacity: { requests: { memory: '1.5Gi' } } })],
      }),
    ],
    want: [],
  },
  {
    title: 'opaque parameters with a list of the right size',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ cpuset: '2-5' }))] })],
    want: [],
  },
  {
    title: 'a list of another size',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ cpuset: '2-4' }))] })],
    want: ['error spec.devices.config[0].opaque.parameters.cpuConfig.cpuset: a list of 4 CPUs'],
  },
  {
    title: 'a list for all requests',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ cpuset: '2-5' }), [])] })],
    want: ['error spec.devices.config[0].requests: exactly one request for a configuration with a cpuset'],
  },
  {
    title: 'a configuration for a request that is not there, and two for one',
    documents: [
      claimOf({
        requests: [four],
        config: [opaque(v1alpha1({}), ['cpu']), opaque(v1alpha1({})), opaque(v1alpha1({}))],
      }),
    ],
    want: [
      /config\[0\]\.requests\[0\]: the name of a request/,
      /config\[2\]\.requests\[0\]: a request that no other configuration names/,
    ],
  },
  {
    title: 'a misspelt key of the parameters',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ placment: 'packed' }))] })],
    want: [/^error spec\.devices\.config\[0\]\.opaque\.parameters\.cpuConfig\.placment: /],
  },
  {
    title: 'a value that is not allowed',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ placement: 'tight' }))] })],
    want: [/^error spec\.devices\.config\[0\]\.opaque\.parameters\.cpuConfig\.placement: one of "packed"/],
  },
  {
    title: 'memory nodes that are no wish',
    documents: [claimOf({ requests: [four], config: [opaque(v1alpha1({ memoryNodes: 'locale' }))] })],
    want: [/^error spec\.devices\.config\[0\]\.opaque\.parameters\.cpuConfig\.memoryNodes: one of "any", "local"/],
  },
  {
    title: 'a cpuset in a DeviceClass',
    documents: [
      JSON.stringify({
        apiVersion: 'resource.k8s.io/v1',
        kind: 'DeviceClass',
        metadata: { name: 'fast' },
        spec: { config: [{ opaque: { driver: 'dra.cpu', parameters: v1alpha1({ cpuset: '0' }) } }] },
      }),
      claimOf({ requests: [exactly({ deviceClassName: 'fast', capacity: { requests: { 'dra.cpu/cpu': '1m' } } })] }),
    ],
    want: [
      /^error spec\.config\[0\]\.opaque\.parameters\.cpuConfig\.cpuset: no cpuset in a DeviceClass/,
      /a whole number of CPUs/,
    ],
  },
  {
    title: 'alternatives of one size, and of several',
    documents: [
      JSON.stringify({
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaimTemplate',
        metadata: { name: 't' },
        spec: {
          spec: {
            devices: {
              requests: [
                {
                  name: 'cpus',
                  firstAvailable: [
                    { name: 'x', deviceClassName: 'dra.cpu', count: 2 },
                    { name: 'y', deviceClassName: 'dra.cpu', count: 2 },
                  ],
                },
              ],
            },
          },
        },
      }),
      claimOf({
        requests: [
          {
            name: 'cpus',
            firstAvailable: [
              { name: 'x', deviceClassName: 'dra.cpu', count: 2 },
              { name: 'y', deviceClassName: 'dra.cpu', count: 4 },
            ],
          },
        ],
      }),
      pod({
        containers: [container('m', { cpu: '3', claims: ['t'] })],
        resourceClaims: [{ name: 't', resourceClaimTemplateName: 't' }],
      }),
      pod(
        { containers: [container('m', { cpu: '3', claims: ['c'] })], resourceClaims: resourceClaims('c') },
        { name: 'q' },
      ),
    ],
    want: [/requests\.cpu: 2, the CPUs of claim t/, /limits\.cpu: 2, the CPUs of claim t/],
  },
  {
    title: 'a List',
    documents: [
      `kind: List\nitems:\n- ${claimOf({ requests: [exactly({ capacity: { requests: { 'dra.cpu/cpu': 'x' } } })] })}`,
    ],
    want: [/a whole number/],
  },
  { title: 'no YAML', documents: ['a: [', ''], want: [/^error : YAML/] },
  { title: 'no object', documents: ['- 1'], want: ['error : an object'] },
  { title: 'empty documents', documents: ['', '# nothing', 'null'], want: [] },
];

for (const { title, documents, settings, want } of cases) {
  test(`validateManifests judges ${title}`, () => {
    const told = check(documents, settings);
    assert.equal(told.length, want.length, told.join('\n'));
    for (const [i, expected] of want.entries()) {
      if (typeof expected === 'string') assert.equal(told[i], expected);
      else assert.match(told[i] ?? '', expected);
    }
  });
}

test('formatIssue names file, line, object, field, value, what is allowed and the remedy', () => {
  const { issues } = validateManifests([{ file: 'claims.yaml', text: claim('db', '1.5') }]);
  assert.deepEqual(issues.map(formatIssue), [
    'claims.yaml:11:44: error: ResourceClaim default/db: spec.devices.requests[0].exactly.capacity.requests["dra.cpu/cpu"] is "1.5"; ' +
      'want a whole number of CPUs, 1 or more; exclusive CPUs cannot be divided: ask for whole ones, and for the rest of ' +
      'shared ones with sharedCPUs: true',
  ]);
});
