import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Config } from './config.ts';
import { parseConfig, readHostRoot } from './parse-config.ts';
import { type Given, parse, parseToError } from './testing/parse.ts';

const defaults: Config = {
  configFile: undefined,
  kubeconfig: undefined,
  nodeName: 'node-1',
  reservedCpus: CpuSet.empty,
  sysfsOverlay: undefined,
  publishNodeAllocatableResourceMapping: false,
  exposePcieRoots: false,
  kubeletRootDirectory: '/var/lib/kubelet',
  bindAddress: { host: undefined, port: 8080 },
  nriSocket: '/var/run/nri/nri.sock',
  cdiDirectory: '/var/run/cdi',
  machinePlacement: 'explicit',
  fullPhysicalCores: false,
  sharedPoolMinCpus: 0,
  claimSharing: 'none',
  unsolicitedUpdates: 'auto',
  startJitterSeconds: 3,
  hostRoot: '/',
  podUid: undefined,
  podNamespace: undefined,
  podName: undefined,
  verbosity: 0,
  moduleVerbosity: [],
  logFormat: 'text',
  deviceMode: { kind: 'grouped', groupBy: 'numanode' },
};

test('parseConfig has the reference’s defaults', async () => {
  const { config, warnings } = await parse({});
  assert.deepEqual(config, defaults);
  assert.deepEqual(warnings, []);
});

const valueCases: { title: string; given: Given; want: Partial<Config> }[] = [
  { title: 'one dash', given: { argv: ['-kubeconfig=/k'] }, want: { kubeconfig: '/k' } },
  { title: 'two dashes and a space', given: { argv: ['--kubeconfig', '/k'] }, want: { kubeconfig: '/k' } },
  { title: 'a value with an equals sign', given: { argv: ['--kubeconfig=/a=b'] }, want: { kubeconfig: '/a=b' } },
  { title: 'a value like a flag', given: { argv: ['--kubeconfig', '-v'] }, want: { kubeconfig: '-v' } },
  { title: 'an empty value', given: { argv: ['--kubeconfig='] }, want: { kubeconfig: undefined } },
  { title: 'the last of a repeated flag', given: { argv: ['-v=1', '-v', '2'] }, want: { verbosity: 2 } },
  { title: 'flags before a double dash', given: { argv: ['-v=1', '--'] }, want: { verbosity: 1 } },
  {
    title: 'a bare boolean',
    given: { argv: ['--expose-pcie-roots', '-v=1'] },
    want: { exposePcieRoots: true, verbosity: 1 },
  },
  ...['1', 't', 'T', 'true', 'True', 'TRUE'].map((text) => ({
    title: `boolean ${text}`,
    given: { argv: [`--expose-pcie-roots=${text}`] },
    want: { exposePcieRoots: true },
  })),
  ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map((text) => ({
    title: `boolean ${text}`,
    given: { argv: ['--expose-pcie-roots', `--expose-pcie-roots=${text}`] },
    want: { exposePcieRoots: false },
  })),
  {
    title: 'individual mode',
    given: { argv: ['--cpu-device-mode=individual', '--group-by=socket'] },
    want: { deviceMode: { kind: 'individual' } },
  },
  ...(['numanode', 'socket', 'machine', 'l3cache'] as const).map((groupBy) => ({
    title: `groups by ${groupBy}`,
    given: { argv: [`--group-by=${groupBy}`] },
    want: { deviceMode: { kind: 'grouped', groupBy } } as const,
  })),
  { title: 'reserved CPUs', given: { argv: ['--reserved-cpus=0-1,4'] }, want: { reservedCpus: CpuSet.of(0, 1, 4) } },
  {
    title: 'no reserved CPUs',
    given: { argv: ['--reserved-cpus='], file: 'reservedCPUs: "3"' },
    want: { reservedCpus: CpuSet.empty },
  },
  {
    title: 'how claims are served',
    given: { file: 'machinePlacement: auto\nfullPhysicalCores: true\nsharedPoolMinCPUs: 4\nclaimSharing: pod' },
    want: { machinePlacement: 'auto', fullPhysicalCores: true, sharedPoolMinCpus: 4, claimSharing: 'pod' },
  },
  { title: 'no HTTP', given: { argv: ['--bind-address='] }, want: { bindAddress: undefined } },
  {
    title: 'a host',
    given: { argv: ['--bind-address=127.0.0.1:0'] },
    want: { bindAddress: { host: '127.0.0.1', port: 0 } },
  },
  { title: 'IPv6', given: { argv: ['--bind-address=[::1]:9'] }, want: { bindAddress: { host: '::1', port: 9 } } },
  {
    title: 'a clean root',
    given: { argv: ['--kubelet-root-dir=/mnt/a/../kubelet//'] },
    want: { kubeletRootDirectory: '/mnt/kubelet' },
  },
  { title: 'the root itself', given: { argv: ['--kubelet-root-dir=//'] }, want: { kubeletRootDirectory: '/' } },
  {
    title: 'sockets and directories',
    given: { argv: ['--nri-socket=/n', '--cdi-dir=/c/'] },
    want: { nriSocket: '/n', cdiDirectory: '/c' },
  },
  {
    title: 'module verbosity',
    given: { argv: ['--vmodule=nri=4,,kube*=2'] },
    want: {
      moduleVerbosity: [
        { pattern: 'nri', verbosity: 4 },
        { pattern: 'kube*', verbosity: 2 },
      ],
    },
  },
  {
    title: 'the host’s name trimmed and in lower case',
    given: { hostname: ' Node-A.example\n' },
    want: { nodeName: 'node-a.example' },
  },
  { title: 'NODE_NAME over the host’s name', given: { env: { NODE_NAME: 'n2' } }, want: { nodeName: 'n2' } },
  {
    title: 'the file over NODE_NAME',
    given: { env: { NODE_NAME: 'n2' }, file: 'hostnameOverride: n3' },
    want: { nodeName: 'n3' },
  },
  {
    title: 'a flag over file and NODE_NAME',
    given: { env: { NODE_NAME: 'n2' }, file: 'hostnameOverride: n3', argv: ['--hostname-override=N4'] },
    want: { nodeName: 'n4' },
  },
  {
    title: 'empty names as none',
    given: { env: { NODE_NAME: '' }, file: 'hostnameOverride: ""', argv: ['--hostname-override='] },
    want: { nodeName: 'node-1' },
  },
  {
    title: 'the environment',
    given: { env: { HOST_ROOT: '/host/', POD_UID: 'a-1', POD_NAMESPACE: 'kube-system', POD_NAME: 'cpu-x' } },
    want: { hostRoot: '/host', podUid: 'a-1', podNamespace: 'kube-system', podName: 'cpu-x' },
  },
  { title: 'empty variables as none', given: { env: { HOST_ROOT: '', POD_UID: '' } }, want: {} },
  { title: 'variables it does not know', given: { env: { KUBECONFIG: '/k' } }, want: {} },
  {
    title: 'a whole file',
    given: {
      file: [
        'apiVersion: v1alpha1',
        'cpuDeviceMode: grouped',
        'groupBy: socket',
        'reservedCPUs: "0-3"',
        'hostnameOverride: from-file',
        'kubeconfig: /k',
        'sysfsOverlay: /custom/sysfs',
        'publishNodeAllocatableResourceMapping: true',
        'logFormat: json',
      ].join('\n'),
    },
    want: {
      deviceMode: { kind: 'grouped', groupBy: 'socket' },
      reservedCpus: CpuSet.of(0, 1, 2, 3),
      nodeName: 'from-file',
      kubeconfig: '/k',
      sysfsOverlay: '/custom/sysfs',
      publishNodeAllocatableResourceMapping: true,
      logFormat: 'json',
    },
  },
  { title: 'a file without a version', given: { file: 'reservedCPUs: 5-6' }, want: { reservedCpus: CpuSet.of(5, 6) } },
  { title: 'keys without a value', given: { file: 'reservedCPUs:\ngroupBy: ~\n' }, want: {} },
  {
    title: 'YAML 1.1 booleans',
    given: { file: 'publishNodeAllocatableResourceMapping: on' },
    want: { publishNodeAllocatableResourceMapping: true },
  },
  {
    title: 'aliases',
    given: { file: 'kubeconfig: &a /x\nsysfsOverlay: *a\n' },
    want: { kubeconfig: '/x', sysfsOverlay: '/x' },
  },
  {
    title: 'JSON, which is YAML',
    given: { file: '{"groupBy": "socket"}' },
    want: { deviceMode: { kind: 'grouped', groupBy: 'socket' } },
  },
  ...['', '\n# nothing\n', '---\n', '{}', 'null'].map((file) => ({
    title: `an empty file ${JSON.stringify(file)}`,
    given: { file },
    want: {},
  })),
];

for (const { title, given, want } of valueCases) {
  test(`parseConfig reads ${title}`, async () => {
    const { config } = await parse(given);
    const configFile = given.file === undefined ? undefined : '/c.yaml';
    assert.deepEqual(config, { ...defaults, configFile, ...want });
  });
}

test('parseConfig tells every wrong value at once, with the place of those in the file', async () => {
  const error = await parseToError({ argv: ['-v=x'], file: 'cpuDeviceMode: single\ngroupBy: core\n' });
  assert.deepEqual(error.message.split('\n'), [
    'Cannot start dracpu: key "cpuDeviceMode" in "/c.yaml", line 1, column 16, is "single"; want "grouped" or "individual"',
    'Cannot start dracpu: key "groupBy" in "/c.yaml", line 2, column 10, is "core"; want "numanode", "socket", "machine" or "l3cache"',
    'Cannot start dracpu: flag "-v" is "x"; want a whole number, 0 or more',
  ]);
});

test('parseConfig names a file that cannot be read, and the flag', async () => {
  const cause = new RangeError('ENOENT: no such file');
  const sources = { argv: ['--config', '/x'], env: {}, hostname: 'a', readFile: () => Promise.reject(cause) };
  await assert.rejects(parseConfig(sources), {
    name: 'ConfigError',
    code: 'UnreadableFile',
    message: 'Cannot read configuration file "/x": ENOENT: no such file; check --config',
    cause,
  });
});

for (const [flag, key] of [
  ['cpu-device-mode=grouped', 'cpuDeviceMode'],
  ['group-by=socket', 'groupBy'],
  ['reserved-cpus=0-1', 'reservedCPUs'],
  ['hostname-override=node1', 'hostnameOverride'],
  ['sysfs-overlay=/o.yaml', 'sysfsOverlay'],
]) {
  test(`parseConfig warns that --${flag} is deprecated`, async () => {
    const { warnings } = await parse({ argv: [`--${flag}`] });
    const name = flag?.replace(/=.*/, '');
    assert.deepEqual(warnings, [`flag "--${name}" is deprecated; set key "${key}" in the file of --config instead`]);
  });
}

test('parseConfig warns of no other flag', async () => {
  const argv = ['--bind-address=:9', '--kubeconfig=/k', '--expose-pcie-roots', '--kubelet-root-dir=/k', '-v=4'];
  assert.deepEqual((await parse({ argv })).warnings, []);
});

test('C2: parseConfig lets a flag win over another value of the file, and warns', async () => {
  const file = 'kubeconfig: /a\ngroupBy: socket\n';
  const { config, warnings } = await parse({ argv: ['--kubeconfig=/b', '--group-by=socket'], file });
  assert.equal(config.kubeconfig, '/b');
  assert.deepEqual(
    warnings.filter((warning) => warning.includes('wins')),
    ['flag "--kubeconfig" wins over key "kubeconfig" of the configuration file: "/b" over "/a"'],
  );
});

for (const argv of [['--help'], ['-h'], ['-help'], ['-v=2', '--help', '--unknown']]) {
  test(`parseConfig answers ${argv.join(' ')} with help`, async () => {
    const readFile = () => Promise.reject(new RangeError('unused'));
    const parsed = await parseConfig({ argv, env: {}, hostname: 'a', readFile });
    assert(parsed.kind === 'help');
    for (const flag of ['--config PATH', '--cpu-device-mode grouped|individual', '-v N', '--help, -h', 'POD_UID']) {
      assert(parsed.text.includes(`  ${flag}`), flag);
    }
    assert.equal(parsed.text.match(/Deprecated/g)?.length, 5);
    for (const line of parsed.text.split('\n')) assert(line.length <= 100, line);
  });
}

test('parseConfig answers --version', async () => {
  const readFile = () => Promise.reject(new RangeError('unused'));
  assert.deepEqual(await parseConfig({ argv: ['--version'], env: {}, hostname: 'a', readFile }), { kind: 'version' });
});

test('readHostRoot reads HOST_ROOT', () => {
  assert.equal(readHostRoot({}), '/');
  assert.equal(readHostRoot({ HOST_ROOT: '/host//' }), '/host');
  assert.throws(() => readHostRoot({ HOST_ROOT: 'x' }), { name: 'ConfigError', code: 'InvalidValue' });
});
