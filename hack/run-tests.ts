/**
 * Runs the tests: `unit` (beside the sources, one process), `all` (also `test/`, one process a file), `machine` (those of `test/`
 * that need an emulated machine) or `e2e` (those of `test/e2e/`, which need a cluster); the last two are in no other mode. Arguments
 * after the mode are file name filters. Prints what was skipped and why, last; of end-to-end tests every line, because they take
 * minutes and tell what they measured.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const [mode = 'unit', ...filters] = process.argv.slice(2);
const wanted = (file: string) => filters.length === 0 || filters.some((filter) => file.includes(filter));
const unit = globSync('src/**/*.test.ts').filter(wanted).sort();
const isEndToEnd = (file: string) => file.startsWith('test/e2e/');
const stories = globSync(mode === 'machine' ? 'test/**/*.machine-test.ts' : 'test/**/*.test.ts')
  .filter((file) => wanted(file) && isEndToEnd(file) === (mode === 'e2e'))
  .sort();

/** Runs node's test runner over files; true when all passed. */
function runNodeTest(files: string[], flags: string[]): boolean {
  if (files.length === 0) return true;
  const reporter = process.env.CI ? 'spec' : 'dot';
  const run = spawnSync(
    process.execPath,
    [
      '--test',
      '--test-force-exit',
      `--test-reporter=${mode === 'e2e' ? 'spec' : './hack/test-reporter.ts'}`,
      '--test-reporter-destination=stdout',
      ...flags,
      ...files,
    ],
    { stdio: 'inherit', env: { ...process.env, DRACPU_TEST_REPORTER: reporter } },
  );
  return run.status === 0;
}

if (mode === 'all')
  console.log('skipped: test/e2e needs a cluster of its own: make test-e2e; emulated machines: make test-machine');
const unitPassed = mode !== 'unit' || runNodeTest(unit, ['--test-isolation=none']);
const storiesPassed = mode === 'unit' || runNodeTest(stories, ['--test-concurrency=1']);
process.exit(unitPassed && storiesPassed ? 0 : 1);
