/** The README: its quick start is short and works, and its numbers are those of the benchmarks. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { skipReason, startCluster } from '../local-cluster.ts';

const text = readFileSync('README.md', 'utf8');
const [, quickStart = ''] = /^## Quick start\n.*?^```sh\n(.*?)^```/ms.exec(text) ?? [];
const LINES_MAX = 22;

test('README: the quick start has some twenty lines', () => {
  const lines = quickStart.trimEnd().split('\n');
  assert.ok(lines.length > 10 && lines.length <= LINES_MAX, `${lines.length} lines`);
});

test('README: the pod of the quick start runs on one CPU of its own', { skip: skipReason }, async (t) => {
  const [, input = ''] = /<<'EOF'\n(.*?)^EOF/ms.exec(quickStart) ?? [];
  const objects = parseAllDocuments(input).map((document) => (document as { toJS(): object }).toJS());
  assert.equal(objects.length, 2);
  const cluster = await startCluster(t, { nodeArgs: [] });
  const [claim = {}, pod = {}] = objects;
  await cluster.api.create('resourceclaims', claim);
  await cluster.api.create('pods', pod);
  const { actual = '' } = await cluster.waitForContainer('pinned');
  assert.equal(parseCpuList(actual).size, 1);
});

test('README: numbers with a unit of time or memory are in bench/README.md', () => {
  const numbers = text.match(/\b\d[\d.,]* (?:ms|us|µs|MiB|s)\b/g) ?? [];
  const benchmarks = readFileSync('bench/README.md', 'utf8');
  assert.deepEqual(
    numbers.filter((number) => !benchmarks.includes(number)),
    [],
  );
});
