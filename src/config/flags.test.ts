import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigErrorCode } from './config-error.ts';
import type { Environment } from './parse-config.ts';
import { parseToError } from './testing/parse.ts';

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
