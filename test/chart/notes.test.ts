/** The commands of NOTES.txt: they name what the release has, and the pod with a claim shows what the notes say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { waitFor } from '../../embedded/cluster/local-cluster.ts';
import { CHART } from '../../hack/helm.ts';
import { skipReason, startCluster } from '../local-cluster.ts';
import { findObjectProblems, findOpenApi } from './openapi.ts';
import { filterKind, findKind, parseObjects, pick, render, skipChart } from './render.ts';

const options = { skip: skipChart };

/** Puts the notes, which `helm template` leaves out, into an object. */
const WRAPPER = `apiVersion: v1
kind: ConfigMap
metadata:
  name: notes
data:
  text: {{ include (print $.Template.BasePath "/NOTES.txt") . | quote }}
`;

function renderNotes(...set: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'chart-'));
  try {
    const chart = join(directory, 'dra-driver-cpu');
    cpSync(CHART, chart, { recursive: true });
    writeFileSync(join(chart, 'templates/notes.yaml'), WRAPPER);
    const notes = filterKind(render({ chart, set }), 'ConfigMap').find(({ metadata }) => metadata.name === 'notes');
    return (pick(notes, 'data') as Record<string, string>)['text'] ?? '';
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The indented lines: the commands and their input. */
const listCommands = (notes: string) =>
  notes
    .split('\n')
    .filter((line) => line.startsWith('   '))
    .map((line) => line.slice(3))
    .filter((line) => /^(kubectl|EOF|---|\s|[a-z]\w+:)/.test(line));

const readInput = (notes: string) =>
  parseObjects(/<<'EOF'\n(.*?)\n\s*EOF\n/s.exec(notes)?.[1]?.replaceAll(/^ {3}/gm, '') ?? '');

const groups = ['nodeGroups[0].name=dpdk', 'nodeGroups[0].nodeSelector.pool=dpdk', 'fullnameOverride=cpus'];

describe('NOTES.txt', options, () => {
  test('its commands are commands of a shell', () => {
    const check = spawnSync('sh', ['-n'], { input: listCommands(renderNotes()).join('\n'), encoding: 'utf8' });
    assert.equal(check.stderr, '');
    assert.equal(check.status, 0);
  });

  test('waits for every DaemonSet of the release', () => {
    const waited = renderNotes(...groups).match(/(?<=rollout status daemonset\/)\S+/g);
    assert.deepEqual(
      waited,
      filterKind(render({ set: groups }), 'DaemonSet').map(({ metadata }) => metadata.name),
    );
  });

  test('its selector of pods matches the pods of every DaemonSet', () => {
    const [, selector = ''] = /--selector (\S+)/.exec(renderNotes(...groups)) ?? [];
    const pairs = selector.split(',').map((pair) => pair.split('='));
    assert.equal(pairs.length, 2);
    for (const daemonSet of filterKind(render({ set: groups }), 'DaemonSet')) {
      const labels = pick(daemonSet, 'spec.template.metadata.labels') as Record<string, string>;
      for (const [key = '', value] of pairs) assert.equal(labels[key], value);
    }
  });

  test('the claim asks for a device in individual mode, and for capacity otherwise', () => {
    const readRequest = (...set: string[]) =>
      pick(findKind(readInput(renderNotes(...set)), 'ResourceClaim'), 'spec.devices.requests.0.exactly.capacity');
    assert.deepEqual(readRequest(), { requests: { 'dra.cpu/cpu': '1' } });
    assert.equal(readRequest('driverConfig.cpuDeviceMode=individual'), undefined);
  });

  test('no claim is offered where each claim has to list its CPUs', () => {
    const machine = 'driverConfig.groupBy=machine';
    assert.deepEqual(readInput(renderNotes(machine)), []);
    assert.equal(readInput(renderNotes(machine, 'driverConfig.machinePlacement=auto')).length, 2);
  });

  const openApi = findOpenApi();
  test('its objects are as the OpenAPI documents of Kubernetes have them', {
    skip: 'missing' in openApi ? openApi.missing : false,
  }, () => {
    const directory = 'directory' in openApi ? openApi.directory : '';
    assert.deepEqual(
      readInput(renderNotes()).flatMap((object) => findObjectProblems(directory, object)),
      [],
    );
  });

  test('the pod shows the CPU that the driver assigned, and the kernel allows that one', {
    skip: skipReason,
  }, async (t) => {
    const cluster = await startCluster(t, { nodeArgs: [] });
    const [claim, pod] = readInput(renderNotes());
    assert.ok(claim && pod);
    const container = pick(pod, 'spec.containers.0') as { command: string[] };
    const output = join(cluster.directory, 'output');
    const [shell = '', option = '', script = ''] = container.command;
    container.command = [shell, option, `{ ${script}; } >${output}`];
    await cluster.api.create('resourceclaims', claim);
    await cluster.api.create('pods', pod);
    await waitFor('the pod to succeed', async () =>
      (await cluster.api.list('pods')).some(({ status }) => status?.phase === 'Succeeded'),
    );
    const [, assigned, allowed] =
      /^assigned: (\S+)\nCpus_allowed_list:\t(\S+)\n$/.exec(readFileSync(output, 'utf8')) ?? [];
    assert.ok(assigned);
    assert.equal(assigned, allowed);
  });
});
