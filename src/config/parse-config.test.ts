import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, asyncProperty, constantFrom, oneof, string } from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Config } from './config.ts';
import { ConfigError, type ConfigErrorCode } from './config-error.ts';
import { type Environment, parseConfig, readHostRoot } from './parse-config.ts';

interface Given {
  readonly argv?: readonly string[];
  readonly env?: Environment;
  /** The text of the file /c.yaml, which `--config` then names. */
  readonly file?: string;
  readonly hostname?: string;
}

async function parse({ argv = [], env = {}, file, hostname = 'node-1' }: Given) {
  const parsed = await parseConfig({
    argv: file === undefined ? argv : ['--config=/c.yaml', ...argv],
    env,
    hostname,
    readFile: async (path) => {
      assert.equal(path, '/c.yaml');
      return file ?? '';
    },
  });
  assert(parsed.kind === 'run');
  return parsed;
}

async function parseToError(given: Given): Promise<ConfigError> {
  const parsed = await parse(given).catch((error: unknown) => error);
  assert(parsed instanceof ConfigError, 'no ConfigError was thrown');
  return parsed;
}

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
  hostRoot: '/',
  podUid: undefined,
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
    given: { env: { HOST_ROOT: '/host/', POD_UID: 'a-1' } },
    want: { hostRoot: '/host', podUid: 'a-1' },
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

const flagErrors: { argv: string[]; env?: Environment; code: ConfigErrorCode; message: string }[] = [
  { argv: ['--grup-by'], code: 'UnknownFlag', message: 'unknown flag "--grup-by"; did you mean "--group-by"?' },
  { argv: ['-groupBy=x'], code: 'UnknownFlag', message: 'unknown flag "-groupBy"; did you mean "--group-by"?' },
  { argv: ['--constructor'], code: 'UnknownFlag', message: 'unknown flag "--constructor"; see --help' },
  { argv: ['---v'], code: 'BadFlagSyntax', message: '"---v" is no flag; want one or two dashes and a name' },
  { argv: ['--=1'], code: 'BadFlagSyntax', message: '"--=1" is no flag; want one or two dashes and a name' },
  { argv: ['--kubeconfig'], code: 'MissingValue', message: 'flag "--kubeconfig" has no value; want PATH' },
  {
    argv: ['--expose-pcie-roots', 'false'],
    code: 'UnexpectedArgument',
    message: 'unexpected argument "false"; write --expose-pcie-roots=false to give it a value',
  },
  {
    argv: ['-v=1', 'gatherinfo'],
    code: 'UnexpectedArgument',
    message: 'unexpected argument "gatherinfo"; the daemon takes flags only, a subcommand stands before all flags',
  },
  {
    argv: ['--', '-v'],
    code: 'UnexpectedArgument',
    message: 'unexpected argument "-v"; the daemon takes flags only, a subcommand stands before all flags',
  },
  {
    argv: ['--group-by=sockets'],
    code: 'InvalidValue',
    message:
      'flag "--group-by" is "sockets"; want "numanode", "socket", "machine" or "l3cache"; did you mean "socket"?',
  },
  {
    argv: ['--expose-pcie-roots=yes'],
    code: 'InvalidValue',
    message: 'flag "--expose-pcie-roots" is "yes"; want "true" or "false"',
  },
  { argv: ['-v=-1'], code: 'InvalidValue', message: 'flag "-v" is "-1"; want a whole number, 0 or more' },
  {
    argv: ['-v=9999999999'],
    code: 'InvalidValue',
    message: 'flag "-v" is "9999999999"; want a whole number, 0 or more',
  },
  {
    argv: ['--vmodule=nri'],
    code: 'InvalidValue',
    message: 'flag "--vmodule" is "nri"; want a list of PATTERN=N such as "nri=4,kubelet=2"',
  },
  {
    argv: ['--reserved-cpus=3-1'],
    code: 'InvalidValue',
    message:
      'flag "--reserved-cpus" is "3-1"; want a Linux CPU list such as "0-3,8", without spaces, strides or reversed ranges',
  },
  {
    argv: ['--kubelet-root-dir=rel'],
    code: 'InvalidValue',
    message: 'flag "--kubelet-root-dir" is "rel"; want an absolute path, not empty',
  },
  {
    argv: ['--kubelet-root-dir=/a', '--kubelet-root-dir='],
    code: 'InvalidValue',
    message: 'flag "--kubelet-root-dir" is ""; want an absolute path, not empty',
  },
  ...['8080', ':', ':65536', '::1:80', 'a b:80', 'host:http'].map((text) => ({
    argv: [`--bind-address=${text}`],
    code: 'InvalidValue' as const,
    message: `flag "--bind-address" is "${text}"; want ":PORT", "HOST:PORT" or "[IPV6]:PORT" with a port of 0 to 65535, or "" for no server`,
  })),
  {
    argv: [],
    env: { HOST_ROOT: 'host' },
    code: 'InvalidValue',
    message: 'environment variable HOST_ROOT is "host"; want an absolute path, not empty',
  },
  {
    argv: [],
    env: { POD_UID: '../x' },
    code: 'InvalidValue',
    message: 'environment variable POD_UID is "../x"; want a pod\'s UID',
  },
  {
    argv: ['--hostname-override=a_b'],
    code: 'InvalidValue',
    message: 'flag "--hostname-override" is "a_b"; want the name of a Node: letters, digits, "-" and "."',
  },
];

for (const { argv, env = {}, code, message } of flagErrors) {
  const title = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...argv].join(' ');
  test(`parseConfig refuses ${title}`, async () => {
    const error = await parseToError({ argv, env });
    assert.equal(error.code, code);
    assert.equal(error.message, `Cannot start dracpu: ${message}`);
  });
}

const fileErrors: { title: string; file: string; code: ConfigErrorCode; place: string; message: string | RegExp }[] = [
  {
    title: 'a misspelt key',
    file: 'apiVersion: v1alpha1\nreservedCPU: "0"\n',
    code: 'UnknownKey',
    place: 'line 2, column 1',
    message: 'unknown key "reservedCPU"; did you mean "reservedCPUs"?',
  },
  {
    title: 'a key with other capitals',
    file: 'groupby: socket',
    code: 'UnknownKey',
    place: 'line 1, column 1',
    message: 'unknown key "groupby"; did you mean "groupBy"?',
  },
  {
    title: 'a key near nothing',
    file: 'showMetrics: true',
    code: 'UnknownKey',
    place: 'line 1, column 1',
    message: /^unknown key "showMetrics"; want one of apiVersion, kubeconfig, /,
  },
  {
    title: 'a key that is no text',
    file: '3: 4',
    code: 'UnknownKey',
    place: 'line 1, column 1',
    message: /^unknown key "3"/,
  },
  {
    title: 'a merge key',
    file: '<<: {groupBy: socket}',
    code: 'UnknownKey',
    place: 'line 1, column 1',
    message: /^unknown key "<<"/,
  },
  {
    title: 'a repeated key',
    file: 'groupBy: socket\n# again\ngroupBy: machine\n',
    code: 'RepeatedKey',
    place: 'line 3, column 1',
    message: 'key "groupBy" stands in line 1 too; remove one',
  },
  {
    title: 'a key of the chart',
    file: 'exposePCIeRoots: true',
    code: 'KeyNotAllowed',
    place: 'line 1, column 1',
    message: 'key "exposePCIeRoots" cannot be set here; use --expose-pcie-roots (args.exposePCIeRoots of the chart)',
  },
  {
    title: 'a misspelt key of the chart',
    file: '{kubeletrootdir: /x}',
    code: 'KeyNotAllowed',
    place: 'line 1, column 2',
    message: /^key "kubeletrootdir" cannot be set here; use --kubelet-root-dir/,
  },
  {
    title: 'bindAddress',
    file: 'bindAddress: ":1"',
    code: 'KeyNotAllowed',
    place: 'line 1, column 1',
    message: /--bind-address/,
  },
  {
    title: 'a number for a text',
    file: 'reservedCPUs: 3',
    code: 'WrongType',
    place: 'line 1, column 15',
    message: 'key "reservedCPUs" is "3", want a string; put it in quotes: reservedCPUs: "3"',
  },
  {
    title: 'a text for a boolean',
    file: 'publishNodeAllocatableResourceMapping: "true"',
    code: 'WrongType',
    place: 'line 1, column 40',
    message: 'key "publishNodeAllocatableResourceMapping" is "true", want a boolean',
  },
  {
    title: 'a list for a text',
    file: 'reservedCPUs: [0, 1]',
    code: 'WrongType',
    place: 'line 1, column 15',
    message: 'key "reservedCPUs" is a map or a list, want a string',
  },
  {
    title: 'an alias of nothing',
    file: 'kubeconfig: *x',
    code: 'MalformedFile',
    place: 'line 1, column 13',
    message: 'alias *x has no anchor',
  },
  {
    title: 'another version',
    file: 'apiVersion: v99',
    code: 'UnsupportedVersion',
    place: 'line 1, column 13',
    message: 'apiVersion is "v99"; want "v1alpha1"',
  },
  {
    title: 'an empty version',
    file: 'apiVersion:',
    code: 'UnsupportedVersion',
    place: 'line 1, column 12',
    message: 'apiVersion is ""; want "v1alpha1"',
  },
  {
    title: 'no YAML',
    file: 'groupBy: "socket',
    code: 'MalformedFile',
    place: 'line 1, column 17',
    message: /^this is no YAML \(/,
  },
  {
    title: 'a text',
    file: 'hello',
    code: 'MalformedFile',
    place: 'line 1, column 1',
    message: /^this is no map; want keys/,
  },
  {
    title: 'a list',
    file: '- a',
    code: 'MalformedFile',
    place: 'line 1, column 1',
    message: /^this is no map; want keys/,
  },
  {
    title: 'two documents',
    file: 'groupBy: socket\n---\ngroupBy: machine\n',
    code: 'MalformedFile',
    place: 'line 2, column 1',
    message: 'a second document starts here; want one',
  },
];

for (const { title, file, code, place, message } of fileErrors) {
  test(`parseConfig refuses a file with ${title}`, async () => {
    const error = await parseToError({ file });
    const [problem] = error.problems;
    const start = `Cannot read configuration file "/c.yaml": ${place}: `;
    assert.equal(problem?.code, code);
    assert.equal(problem.message.slice(0, start.length), start);
    const rest = problem.message.slice(start.length);
    if (typeof message === 'string') assert.equal(rest, message);
    else assert.match(rest, message);
  });
}

test('parseConfig tells every problem of a file at once', async () => {
  const error = await parseToError({ file: 'reservedcpus: "0"\ngroupby: socket\nexposePCIeRoots: true\n' });
  assert.deepEqual(
    error.problems.map(({ code }) => code),
    ['UnknownKey', 'UnknownKey', 'KeyNotAllowed'],
  );
  assert.equal(error.message.split('\n').length, 3);
});

test('parseConfig tells every wrong value at once, with the place of those in the file', async () => {
  const error = await parseToError({ argv: ['-v=x'], file: 'cpuDeviceMode: single\ngroupBy: core\n' });
  assert.deepEqual(error.message.split('\n'), [
    'Cannot start dracpu: key "cpuDeviceMode" in "/c.yaml", line 1, column 16, is "single"; want "grouped" or "individual"',
    'Cannot start dracpu: key "groupBy" in "/c.yaml", line 2, column 10, is "core"; want "numanode", "socket", "machine" or "l3cache"',
    'Cannot start dracpu: flag "-v" is "x"; want a whole number, 0 or more',
  ]);
});

test('parseConfig does not unfold aliases of aliases', async () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 9)} x]`);
  const error = await parseToError({ file: `${levels.join('\n')}\nreservedCPUs: *a29\n` });
  assert.equal(error.problems.at(-1)?.code, 'WrongType');
});

test('parseConfig refuses a file over 1 MiB', async () => {
  const error = await parseToError({ file: '#'.repeat(1_048_577) });
  assert.match(error.message, /it has 1048577 characters; want at most 1048576$/);
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

test('parseConfig warns when a flag wins over another value of the file', async () => {
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

test('parseConfig reads any text as a file or throws a ConfigError', async () => {
  const piece = constantFrom(
    'groupBy',
    ': ',
    'socket',
    '\n',
    '- ',
    '"',
    '&a ',
    '*a',
    '<<',
    '? ',
    '{',
    '}',
    '[',
    ', ',
    '---',
    '!!set ',
    '|',
    '\t',
    '~',
  );
  const anyText = oneof(
    array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    string(),
  );
  await assertProperty(
    asyncProperty(anyText, async (file) => {
      const parsed = await parse({ file }).catch((error: unknown) => error);
      assert(!(parsed instanceof Error) || parsed instanceof ConfigError, String(parsed));
    }),
    { numRuns: 300 },
  );
});

test('readHostRoot reads HOST_ROOT', () => {
  assert.equal(readHostRoot({}), '/');
  assert.equal(readHostRoot({ HOST_ROOT: '/host//' }), '/host');
  assert.throws(() => readHostRoot({ HOST_ROOT: 'x' }), { name: 'ConfigError', code: 'InvalidValue' });
});
