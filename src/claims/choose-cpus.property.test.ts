import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { type DeviceMode, enumerateDevices } from '../devices/device.ts';
import { PLACEMENT_POLICIES } from '../placement/take-cpus.ts';
import { randomMachine } from '../topology/testing/random-machine.ts';
import { chooseCpus } from './choose-cpus.ts';
import { parseClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import { allocatedClaim } from './testing/fixtures.ts';

/** How many random claims are tried: few in `make check`, PLACEMENT_CASES=100000 for the long run. */
const numRuns = Number(process.env['PLACEMENT_CASES'] ?? 200);

const modes: DeviceMode[] = [
  { kind: 'individual' },
  ...(['numanode', 'socket', 'machine', 'l3cache'] as const).map(
    (groupBy): DeviceMode => ({ kind: 'grouped', groupBy }),
  ),
];

/** Parameters of a request: few at a time, so that many claims can be served. */
const cpuConfigs: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc.oneof(
  fc.record({ placement: fc.constantFrom(...PLACEMENT_POLICIES) }),
  fc.record({ fullPhysicalCores: fc.boolean(), placement: fc.constantFrom(...PLACEMENT_POLICIES) }),
  fc.record({ coreType: fc.constantFrom('standard', 'p-core', 'e-core') }),
  fc.record({ isolated: fc.constantFrom('prefer', 'require'), placement: fc.constantFrom(...PLACEMENT_POLICIES) }),
  fc.record({
    placement: fc.constant('distributed'),
    groupSize: fc.integer({ min: 1, max: 4 }),
    numaNodes: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    placement: fc.constantFrom(...PLACEMENT_POLICIES),
    singleSocket: fc.boolean(),
    avoidSharing: fc.constantFrom('l2', 'l3', 'core'),
  }),
);

/** A node in use, and a claim of one to three of its devices. */
const cases = fc.record({
  topology: randomMachine,
  mode: fc.constantFrom(...modes),
  fullPhysicalCores: fc.boolean(),
  sharedPoolMinCpus: fc.constantFrom(0, 0, 1, 3),
  /** Of 16 CPUs one after the other: free, reserved, taken or isolated. */
  states: fc.array(fc.constantFrom('free', 'free', 'free', 'reserved', 'taken', 'isolated'), {
    minLength: 16,
    maxLength: 16,
  }),
  wishes: fc.array(fc.record({ device: fc.nat(), cpus: fc.integer({ min: 1, max: 8 }), cpuConfig: cpuConfigs }), {
    minLength: 1,
    maxLength: 3,
  }),
});

test('chooseCpus gives exactly what was allocated, of the device, and no CPU that is reserved, kept, taken or given twice', () => {
  let chosen = 0;
  fc.assert(
    fc.property(cases, ({ topology: machine, mode, states, wishes, ...options }) => {
      const inState = (state: string) => machine.online.toArray().filter((_, index) => states[index % 16] === state);
      const topology = { ...machine, isolated: CpuSet.from(inState('isolated')) };
      const reserved = CpuSet.from(inState('reserved'));
      let devices: ReturnType<typeof enumerateDevices>;
      try {
        devices = enumerateDevices(topology, mode, reserved, { ...options, machinePlacement: 'auto' });
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'SharedPoolTooLarge');
        return;
      }
      if (devices.devices.length === 0) return;
      const results = wishes.map(({ device, cpus }, index) => ({
        request: `r${index}`,
        device: devices.devices[device % devices.devices.length]?.name ?? '',
        cpus: String(cpus),
      }));
      const claim = parseClaim(
        allocatedClaim('u1', results),
        { uid: 'u1', namespace: 'default', name: 'claim-u1' },
        'dra.cpu',
      );
      const configs = wishes.map(({ cpuConfig }, index) => ({
        source: 'FromClaim' as const,
        requests: [`r${index}`],
        parameters: { apiVersion: 'v1alpha1', cpuConfig },
      }));
      const free = devices.allocatable.difference(CpuSet.from(inState('taken')));
      const context = { topology, devices, pool: 'node-a', free, describeHolders: () => 'others' };
      try {
        const { assignments, cpus } = chooseCpus(
          { ...claim, configs: mode.kind === 'individual' ? [] : configs },
          context,
        );
        chosen += 1;
        assert.ok(cpus.isSubsetOf(free), `${cpus} of ${free}`);
        assert.equal(
          cpus.size,
          assignments.reduce((sum, one) => sum + one.cpus.size, 0),
          'disjoint',
        );
        for (const [index, one] of assignments.entries()) {
          const device = devices.byName.get(one.device);
          assert.ok(device && one.cpus.isSubsetOf(device.cpus));
          assert.equal(one.cpus.size, device.kind === 'cpu' ? 1 : wishes[index]?.cpus);
          const wantsCores = options.fullPhysicalCores || wishes[index]?.cpuConfig['fullPhysicalCores'] === true;
          if (device.kind === 'cpu' || !wantsCores) continue;
          const cut = topology.cores.filter(
            (core) => core.cpus.intersects(one.cpus) && !core.cpus.isSubsetOf(one.cpus),
          );
          assert.deepEqual(cut, []);
        }
      } catch (error) {
        if (!(error instanceof ClaimError)) throw error;
        assert.match(error.message, /^Cannot prepare claim default\/claim-u1: /);
      }
    }),
    { numRuns },
  );
  assert.ok(chosen > numRuns / 50, `${chosen} claims were given CPUs`);
});
