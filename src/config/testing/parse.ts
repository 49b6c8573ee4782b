import assert from 'node:assert/strict';
import { ConfigError } from '../config-error.ts';
import { type Environment, type ParsedCommand, parseConfig } from '../parse-config.ts';

/** What a test starts the daemon with. */
export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Environment;
  /** The text of the file /c.yaml, which `--config` then names. */
  readonly file?: string;
  readonly hostname?: string;
}

/** The configuration of a start that must succeed. */
export async function parse({
  argv = [],
  env = {},
  file,
  hostname = 'node-1',
}: Given): Promise<ParsedCommand & { kind: 'run' }> {
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

/** The error of a start that must fail. */
export async function parseToError(given: Given): Promise<ConfigError> {
  const parsed = await parse(given).catch((error: unknown) => error);
  assert(parsed instanceof ConfigError, 'no ConfigError was thrown');
  return parsed;
}
