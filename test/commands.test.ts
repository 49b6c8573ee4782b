/** What every command has in common: how it fails, where its help is, its version, and completion by a shell. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { COMMANDS } from '../src/cli/commands.ts';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;

function run(argv: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    encoding: 'utf8',
    input,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

for (const [argv, status, message] of [
  [['plan', '--topology', '/nowhere', '--cpus', '1'], 1, /^Cannot find machine "\/nowhere"/],
  [['plan', '--cpus', 'x'], 2, /Want a whole number/],
  [['topology', '--sysfs', '/nowhere'], 1, /^Cannot read the CPU topology/],
  [['topology', '--no-such-option'], 2, /unknown option '--no-such-option'/],
  [['gatherinfo', '--stdout', '--output-dir=/tmp'], 2, /^Cannot gather: --stdout and --output-dir/],
  [['drain'], 2, /^Cannot drain: --check is missing/],
  [['validate', '-f', '/nowhere'], 2, /^Cannot validate: /],
  [['completion', 'csh'], 2, /Allowed choices are bash, zsh, fish/],
] as const) {
  test(`dracpu ${argv.join(' ')} ends with ${status} and names the help of that command (issue 15)`, () => {
    const result = run(argv);
    assert.deepEqual([result.status, result.stdout], [status, '']);
    assert.match(result.stderr, message);
    assert.match(result.stderr, new RegExp(`\n"dracpu ${argv[0]} --help" lists its options\n$`));
  });
}

test('an unknown command names the list of commands', () => {
  const { status, stderr } = run(['topologie']);
  assert.equal(status, 2);
  assert.match(stderr, /\(Did you mean topology\?\)\n"dracpu help" lists the commands/);
});

test('dracpu gatherinfo --output-dir /proc/x fails at once instead of trying for ever (issue 15)', () => {
  const startedMs = performance.now();
  const { status, stdout, stderr } = run(['gatherinfo', '--output-dir', '/proc/x']);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^Cannot write what was gathered: ENOENT: .*'\/proc\/x'; choose another --output-dir\n/);
  assert.ok(performance.now() - startedMs < 30_000);
});

test('dracpu version prints what --version does (issue 15)', () => {
  const { status, stdout } = run(['version']);
  assert.equal(status, 0);
  assert.match(stdout, /^dracpu \S+ \(\S+\)\n$/);
  assert.equal(run(['--version']).stdout, stdout);
});

test('dracpu help lists every command, embedded-node among them (issue 15)', () => {
  const { stdout } = run(['help']);
  for (const name of Object.keys(COMMANDS)) assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
});

const bash = spawnSync('bash', ['--version']).status === 0;

/** What bash offers for the words of a command line, of which the last one is being typed. */
function complete(words: readonly string[]): string[] {
  const script = [
    `source <("${process.execPath}" "${MAIN}" completion bash)`,
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    '_dracpu',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  const { status, stdout, stderr } = spawnSync('bash', ['-uc', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n');
}

test('bash completes commands, options and values (issue 15)', { skip: bash ? false : 'bash is not installed' }, () => {
  assert.deepEqual(complete(['dracpu', 'emb']), ['embedded-node']);
  assert.deepEqual(complete(['dracpu', 'help', 'top']), ['topology']);
  assert.deepEqual(complete(['dracpu', '--cpu-d']), ['--cpu-device-mode']);
  assert.deepEqual(complete(['dracpu', 'plan', '--pol']), ['--policy']);
  assert.deepEqual(complete(['dracpu', 'plan', '--policy', 'single-n']), ['single-numa-node']);
  assert.deepEqual(complete(['dracpu', 'topology', '-o', '']), ['table', 'json', 'yaml', 'svg']);
  assert.deepEqual(complete(['dracpu', 'introspect', 'met']), ['metrics']);
  assert.deepEqual(complete(['dracpu', 'completion', 'z']), ['zsh']);
  // Nothing of the program's own: bash goes on with file names.
  assert.deepEqual(complete(['dracpu', 'plan', '--topology', '/e']), ['']);
});

test('zsh and fish get scripts of their own', () => {
  assert.match(run(['completion', 'zsh']).stdout, /^#compdef dracpu\n/);
  const fish = run(['completion', 'fish']).stdout;
  assert.match(fish, /^complete -c dracpu -n __fish_use_subcommand -a topology -d 'show the machine\\'s sockets/m);
  assert.match(
    fish,
    /^complete -c dracpu -n '__fish_seen_subcommand_from plan' -l policy -x -a 'packed .*' -d 'how to choose'$/m,
  );
});
