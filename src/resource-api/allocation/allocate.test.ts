import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Device, DeviceConstraint, DeviceRequest } from '../objects.ts';
import { allocateClaims } from './allocate.ts';
import type { AllocationProblem } from './allocation-problem.ts';
import { DeviceUsage } from './device-usage.ts';
import { cpuDevice, exactly, numaDevice, problemOf } from './testing/problems.ts';

/** What each request got: "request=device", or the reason why not. */
function decide(problem: AllocationProblem): string[] | string {
  const outcome = allocateClaims(problem);
  if (outcome.kind === 'refused') return outcome.reason;
  return outcome.allocations.flatMap(({ devices }) =>
    (devices.results ?? []).map(({ request, device }) => `${request}=${device}`),
  );
}

const cpus = (amount: string) => ({ capacity: { requests: { 'dra.cpu/cpu': amount } } });
const numa = (node: number) => ({
  selectors: [{ cel: { expression: `device.attributes["dra.cpu"].numaNodeID == ${node}` } }],
});
const twoNodes = [numaDevice(0, 4), numaDevice(1, 4)];
const eightCpus = [0, 1, 2, 3, 4, 5, 6, 7].map((cpu) => cpuDevice(cpu, cpu < 4 ? 0 : 1));
const onOneNode: DeviceConstraint[] = [{ matchAttribute: 'dra.cpu/numaNodeID' }];
const onDistinctCores: DeviceConstraint[] = [{ distinctAttribute: 'dra.cpu/coreID' }];

describe('allocateClaims', () => {
  it('takes the first device with room', () => {
    assert.deepEqual(decide(problemOf(twoNodes, [exactly('a', cpus('3')), exactly('b', cpus('2'))])), [
      'a=cpudevnuma000',
      'b=cpudevnuma001',
    ]);
  });

  it('shares a device between requests and names every share', () => {
    const outcome = allocateClaims(problemOf(twoNodes, [exactly('a', cpus('1')), exactly('b', cpus('3000m'))]));
    assert.ok(outcome.kind === 'allocated');
    assert.deepEqual(outcome.allocations[0], {
      devices: {
        results: [
          {
            request: 'a',
            driver: 'dra.cpu',
            pool: 'n1',
            device: 'cpudevnuma000',
            shareID: 'share-1',
            consumedCapacity: { 'dra.cpu/cpu': '1' },
          },
          {
            request: 'b',
            driver: 'dra.cpu',
            pool: 'n1',
            device: 'cpudevnuma000',
            shareID: 'share-2',
            consumedCapacity: { 'dra.cpu/cpu': '3' },
          },
        ],
        config: ['a', 'b'].map((request) => ({
          source: 'FromClass',
          requests: [request],
          opaque: { driver: 'dra.cpu', parameters: { from: 'class' } },
        })),
      },
      nodeSelector: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
      },
    });
  });

  it('takes all of a device when no amount is asked for', () => {
    assert.deepEqual(decide(problemOf(twoNodes, [exactly('a'), exactly('b')])), ['a=cpudevnuma000', 'b=cpudevnuma001']);
  });

  const policies: [string, object, string, string | undefined][] = [
    ['the default when nothing is asked for', { default: '2', validRange: { min: '1' } }, '', '2'],
    ['the minimum for less', { default: '2', validRange: { min: '2' } }, '1', '2'],
    ['the next step', { default: '2', validRange: { min: '2', step: '2' } }, '3', '4'],
    ['nothing above the maximum', { default: '2', validRange: { min: '2', max: '4' } }, '5', undefined],
    ['the next value', { default: '2', validValues: ['2', '6'] }, '3', '6'],
    ['nothing above the last value', { default: '2', validValues: ['2', '4'] }, '5', undefined],
  ];
  for (const [what, policy, amount, expected] of policies) {
    it(`gives ${what}`, () => {
      const request = exactly('a', amount === '' ? {} : cpus(amount));
      const outcome = allocateClaims(problemOf([numaDevice(0, 8, policy)], [request]));
      const got =
        outcome.kind === 'allocated' ? outcome.allocations[0]?.devices.results?.[0]?.consumedCapacity : undefined;
      assert.equal(got?.['dra.cpu/cpu'], expected);
    });
  }

  it('counts what other claims consume', () => {
    const usage = new DeviceUsage();
    usage.take('dra.cpu/n1/cpudevnuma000', new Map([['dra.cpu/cpu', { nanos: 2_000_000_000n, format: 'decimal' }]]));
    assert.deepEqual(decide(problemOf(twoNodes, [exactly('a', cpus('3'))], { usage })), ['a=cpudevnuma001']);
    const full = problemOf(twoNodes, [exactly('a', { ...cpus('3'), ...numa(0) })], { usage });
    assert.match(
      String(decide(full)),
      /claim default\/c, request a: 1 wanted, 1 match class dra.cpu, 0 with room for 3 dra.cpu\/cpu left/,
    );
  });

  it('takes several whole devices, none that is in use', () => {
    const usage = new DeviceUsage();
    usage.take('dra.cpu/n1/cpudev001', undefined);
    const problem = problemOf(eightCpus, [exactly('a', { count: 3 })], { usage });
    assert.deepEqual(decide(problem), ['a=cpudev000', 'a=cpudev002', 'a=cpudev003']);
    assert.match(
      String(decide(problemOf(eightCpus, [exactly('a', { count: 8 })], { usage }))),
      /8 wanted, 8 match class dra.cpu, 7 with free left/,
    );
  });

  it('takes all devices or none', () => {
    const all = { allocationMode: 'All', ...numa(1) };
    assert.deepEqual(decide(problemOf(twoNodes, [exactly('a', all)])), ['a=cpudevnuma001']);
    const usage = new DeviceUsage();
    usage.take('dra.cpu/n1/cpudev005', undefined);
    assert.match(
      String(decide(problemOf(eightCpus, [exactly('a', all)], { usage }))),
      /device dra.cpu\/n1\/cpudev005 is in use/,
    );
    assert.match(
      String(decide(problemOf(eightCpus, [exactly('a', { allocationMode: 'All', ...numa(7) })]))),
      /no device matches/,
    );
  });

  it('gives administrators devices that are in use, and takes nothing for them', () => {
    const usage = new DeviceUsage();
    for (const cpu of [0, 1]) usage.take(`dra.cpu/n1/cpudev00${cpu}`, undefined);
    const problem = problemOf(
      [cpuDevice(0), cpuDevice(1)],
      [exactly('watch', { allocationMode: 'All', adminAccess: true })],
      { usage },
    );
    const outcome = allocateClaims(problem);
    assert.ok(outcome.kind === 'allocated');
    assert.deepEqual(
      outcome.allocations[0]?.devices.results?.map(({ adminAccess }) => adminAccess),
      [true, true],
    );
  });

  it('keeps devices together by an attribute, giving up the first try', () => {
    const usage = new DeviceUsage();
    for (const cpu of [2, 3]) usage.take(`dra.cpu/n1/cpudev00${cpu}`, undefined);
    const problem = problemOf(eightCpus, [exactly('a', { count: 3 })], { constraints: onOneNode, usage });
    assert.deepEqual(decide(problem), ['a=cpudev004', 'a=cpudev005', 'a=cpudev006']);
  });

  it('keeps devices apart by an attribute', () => {
    const requests = [exactly('a', { count: 4 })];
    const apart = decide(problemOf(eightCpus, requests, { constraints: onDistinctCores }));
    assert.deepEqual(apart, ['a=cpudev000', 'a=cpudev002', 'a=cpudev004', 'a=cpudev006']);
    const tooMany = problemOf(eightCpus, [exactly('a', { count: 5 })], { constraints: onDistinctCores });
    assert.match(String(decide(tooMany)), /left under distinctAttribute dra.cpu\/coreID/);
  });

  it('T13: puts requests under distinctAttribute on NUMA nodes of their own, and leaves others alone', () => {
    const constraints = [{ requests: ['a', 'b'], distinctAttribute: 'dra.cpu/numaNodeID' }];
    const requests = ['a', 'b', 'c'].map((name) => exactly(name, cpus('1')));
    assert.deepEqual(decide(problemOf(twoNodes, requests, { constraints })), [
      'a=cpudevnuma000',
      'b=cpudevnuma001',
      'c=cpudevnuma000',
    ]);
  });

  it('matches lists that share a value', () => {
    const roots = (name: string, strings: string[]): Device => ({
      name,
      attributes: { 'resource.kubernetes.io/pcieRoot': { strings } },
    });
    const devices = [roots('a', ['r0']), roots('b', ['r1', 'r2']), roots('c', ['r2', 'r3']), roots('d', ['r3'])];
    const constraints = [{ matchAttribute: 'resource.kubernetes.io/pcieRoot' }];
    assert.deepEqual(decide(problemOf(devices, [exactly('x', { count: 2 })], { constraints })), ['x=b', 'x=c']);
    assert.match(String(decide(problemOf(devices, [exactly('x', { count: 3 })], { constraints }))), /matchAttribute/);
  });

  it('takes the first alternative that can be had', () => {
    const alternatives: DeviceRequest[] = [
      {
        name: 'cpu',
        firstAvailable: [
          { name: 'big', deviceClassName: 'dra.cpu', ...cpus('8') },
          { name: 'small', deviceClassName: 'dra.cpu', ...cpus('4') },
        ],
      },
    ];
    assert.deepEqual(decide(problemOf(twoNodes, alternatives)), ['cpu/small=cpudevnuma000']);
    assert.deepEqual(decide(problemOf([numaDevice(0, 8)], alternatives)), ['cpu/big=cpudevnuma000']);
  });

  it('copies configuration of the requests and alternatives it chose', () => {
    const opaque = { driver: 'dra.cpu', parameters: {} };
    const problem = problemOf(twoNodes, [
      { name: 'r', firstAvailable: [{ name: 'x', deviceClassName: 'dra.cpu' }] },
      exactly('s'),
    ]);
    const config = [[], ['r'], ['r/x'], ['r/y'], ['s']].map((requests) => ({ requests, opaque }));
    const spec = { devices: { ...problem.claims[0]?.spec.devices, config } };
    const outcome = allocateClaims({ ...problem, claims: [{ name: 'c', spec }] });
    assert.ok(outcome.kind === 'allocated');
    const fromClaim = outcome.allocations[0]?.devices.config?.filter(({ source }) => source === 'FromClaim');
    assert.deepEqual(
      fromClaim?.map(({ requests }) => requests),
      [undefined, ['r'], ['r/x'], ['s']],
    );
  });

  it('honours taints', () => {
    const tainted = { ...cpuDevice(0), taints: [{ key: 'broken', effect: 'NoSchedule' }] };
    assert.match(String(decide(problemOf([tainted], [exactly('a')]))), /no device matches/);
    const tolerations = [{ key: 'broken', operator: 'Exists' }];
    assert.deepEqual(decide(problemOf([tainted], [exactly('a', { tolerations })])), ['a=cpudev000']);
  });

  const refusals: [string, DeviceRequest[], RegExp][] = [
    ['a class that does not exist', [exactly('a', { deviceClassName: 'nope' })], /device class nope does not exist/],
    [
      'a selector that fails',
      [exactly('a', { selectors: [{ cel: { expression: 'device.attributes["x.io"].y == 1' } }] })],
      /selector fails on device .*No such key: y/,
    ],
    ['more devices than a claim can have', [exactly('a', { count: 33 })], /more than 32 devices in one claim/],
    [
      'a capacity that no device has',
      [exactly('a', { capacity: { requests: { memory: '1Gi' } } })],
      /0 with room for 1Gi memory left/,
    ],
  ];
  for (const [what, requests, reason] of refusals) {
    it(`says so of ${what}`, () => assert.match(String(decide(problemOf(twoNodes, requests))), reason));
  }

  it('ends on a problem that has no solution and very many combinations', () => {
    const devices = Array.from({ length: 60 }, (_, index) => cpuDevice(index, index % 2));
    const requests = [exactly('a', { count: 15 }), exactly('b', { count: 16 })];
    const constraints = [{ matchAttribute: 'dra.cpu/numaNodeID' }];
    assert.match(String(decide(problemOf(devices, requests, { constraints }))), /claim default\/c/);
  });

  it('leaves the usage as it was', () => {
    const usage = new DeviceUsage();
    const problem = problemOf(eightCpus, [exactly('a', { count: 8 })], { usage });
    assert.equal(decide(problem).length, 8);
    assert.equal(decide(problem).length, 8);
  });
});

/** All ways to give each request one device, tried without any cleverness. */
function isPossible(devices: readonly Device[], wanted: readonly number[], constraint: DeviceConstraint): boolean {
  const attribute = (constraint.matchAttribute ?? constraint.distinctAttribute ?? '').replace('dra.cpu/', '');
  const valueOf = (device: Device) => device.attributes?.[attribute]?.int;
  const isAllowed = (chosen: readonly Device[]) => {
    const values = new Set(chosen.map(valueOf));
    return constraint.matchAttribute === undefined ? values.size === chosen.length : values.size <= 1;
  };
  const tryFrom = (request: number, chosen: readonly Device[]): boolean => {
    if (request === wanted.length) return true;
    return devices.some(
      (device) =>
        device.attributes?.['coreID']?.int === wanted[request] &&
        !chosen.includes(device) &&
        isAllowed([...chosen, device]) &&
        tryFrom(request + 1, [...chosen, device]),
    );
  };
  return tryFrom(0, []);
}

describe('allocateClaims against brute force', () => {
  it('finds devices exactly when there are any', () => {
    const nodes = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 });
    const cores = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 });
    const constraint = fc.constantFrom<DeviceConstraint>(
      { matchAttribute: 'dra.cpu/numaNodeID' },
      { distinctAttribute: 'dra.cpu/numaNodeID' },
      { matchAttribute: 'dra.cpu/coreID' },
    );
    fc.assert(
      fc.property(nodes, cores, constraint, (numaNodes, wanted, wish) => {
        const devices = numaNodes.map((node, index) => cpuDevice(index, node));
        const requests = wanted.map((core, index) =>
          exactly(`r${index}`, {
            selectors: [{ cel: { expression: `device.attributes["dra.cpu"].coreID == ${core}` } }],
          }),
        );
        const outcome = allocateClaims(problemOf(devices, requests, { constraints: [wish] }));
        assert.equal(outcome.kind === 'allocated', isPossible(devices, wanted, wish));
      }),
      { numRuns: 300 },
    );
  });
});
