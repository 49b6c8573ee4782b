import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { gatherInfo } from '../../src/cli/gatherinfo/gather.ts';
import { readinessConditions } from '../../src/daemon/readiness.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { describeCpuMap } from '../../src/view/cpu-map.ts';
import { nodeState } from '../../src/view/testing/node-state.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const tools = readFileSync('docs/reference/tools.md', 'utf8');
const endpoints = readFileSync('docs/reference/endpoints.md', 'utf8');

/** The fenced block after some text. */
function blockAfter(page: string, text: string): string {
  const start = page.indexOf(text);
  assert.notEqual(start, -1, text);
  return /```\w*\n(.*?)```/s.exec(page.slice(start))?.[1] ?? '';
}

/** Keys of a value and of what is in it, by path. */
function listKeys(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return listKeys(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [`${path}.${key}`, ...listKeys(item, `${path}.${key}`)]);
}

test('docs/reference/tools.md: dracpu validate prints what is shown', () => {
  const directory = mkdtempSync(join(tmpdir(), 'docs-'));
  try {
    writeFileSync(join(directory, 'app.yaml'), blockAfter(tools, 'With this in `app.yaml`'));
    const run = spawnSync(process.execPath, [MAIN, 'validate', '-f', 'app.yaml'], { cwd: directory, encoding: 'utf8' });
    assert.equal(`$ dracpu validate -f app.yaml\n${run.stdout}`, blockAfter(tools, 'the answer is'));
    assert.equal(run.status, 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('docs/reference/tools.md: dracpu introspect metrics prints what is shown', () => {
  const { stdout } = spawnSync(process.execPath, [MAIN, 'introspect', 'metrics'], { encoding: 'utf8' });
  const shown = blockAfter(tools, 'Prints every `dra_cpu_*` metric').split('\n').slice(1).join('\n');
  assert(shown.length > 100 && stdout.startsWith(shown.trimEnd()), shown);
});

test('docs/reference/tools.md: the report of dracpu gatherinfo has the keys that are shown', async () => {
  // A driver that happens to run here would be another one's, with settings of its own.
  const machine = { env: {}, hostname: 'worker-1', procDirectories: [], driverName: 'dra.cpu' };
  const text = stringify((await gatherInfo(machine)).report);
  const shown = parse(blockAfter(tools, 'it says, in part')) as Record<string, unknown>;
  const real = parse(text) as Record<string, unknown>;
  for (const key of ['toolVersion', 'layoutVersion', 'cpuDetails']) {
    assert.deepEqual(listKeys(shown[key]), listKeys(real[key]), key);
  }
  const driverKeys = (report: Record<string, unknown>) => Object.keys(report.driverConfig as object);
  const own = new Set(driverKeys(real));
  assert.deepEqual(
    driverKeys(shown).filter((key) => key !== 'kubeconfig' && !own.has(key)),
    [],
  );
  for (const key of ['nodeName', 'nri', 'kubelet', 'problems']) assert(key in shown && key in real, key);
  // A machine without a directory for CDI files has no such key, and says why.
  assert('cdi' in shown && ('cdi' in real || text.includes('part: CDI files')), 'cdi');
});

test('docs/reference/endpoints.md: /topology.json has the keys that are shown', () => {
  const text = blockAfter(endpoints, 'Shortened to one claim').split('\n').slice(1).join('\n');
  const state = nodeState(parseSynthetic('pack:1 core:2 pu:1'), { claims: [{ name: 'a', cpus: '0' }] });
  const real: unknown = JSON.parse(JSON.stringify(describeCpuMap(state, { withTopology: false })));
  assert.deepEqual(listKeys(JSON.parse(text)), listKeys(real));
});

test('docs/reference/endpoints.md: every condition of readiness is described and shown', () => {
  for (const name of Object.keys(readinessConditions)) {
    assert(endpoints.includes(`| \`${name}\` |`), name);
    assert(endpoints.includes(`[+]${name} ok`), name);
  }
});
