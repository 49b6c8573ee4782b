import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, asyncProperty, constantFrom, oneof, string } from 'fast-check';
import { ConfigError, type ConfigErrorCode } from './config-error.ts';
import { parse, parseToError } from './testing/parse.ts';

const fileErrors: { title: string; file: string; code: ConfigErrorCode; place: string; message: string | RegExp }[] = [
  {
    title: 'a misspelt key (C1)',
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
  test(`parseConfigFile refuses a file with ${title}`, async () => {
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

test('parseConfigFile tells every problem of a file at once', async () => {
  const error = await parseToError({ file: 'reservedcpus: "0"\ngroupby: socket\nexposePCIeRoots: true\n' });
  assert.deepEqual(
    error.problems.map(({ code }) => code),
    ['UnknownKey', 'UnknownKey', 'KeyNotAllowed'],
  );
  assert.equal(error.message.split('\n').length, 3);
});

test('parseConfigFile does not unfold aliases of aliases', async () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 9)} x]`);
  const error = await parseToError({ file: `${levels.join('\n')}\nreservedCPUs: *a29\n` });
  assert.equal(error.problems.at(-1)?.code, 'WrongType');
});

test('parseConfigFile refuses a file over 1 MiB', async () => {
  const error = await parseToError({ file: '#'.repeat(1_048_577) });
  assert.match(error.message, /it has 1048577 characters; want at most 1048576$/);
});

test('parseConfigFile reads any text or throws a ConfigError', async () => {
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
