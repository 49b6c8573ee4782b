import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { DeviceMode } from '../devices/device.ts';
import { choose, chooseError, type GivenChoice } from './testing/choose.ts';
import { smtMachine } from './testing/fixtures.ts';

const grouped = (groupBy: 'numanode' | 'socket' | 'machine' | 'l3cache'): DeviceMode => ({ kind: 'grouped', groupBy });
const individual: DeviceMode = { kind: 'individual' };
const onMachine = { mode: grouped('machine'), machinePlacement: 'auto' } as const;

/** The CPUs of every assignment. */
const cpusOf = (given: GivenChoice) => choose(given).assignments.map(({ cpus }) => cpus.toString());

describe('chooseCpus', () => {
  test('takes CPUs of a grouped device by topology and says how and why', () => {
    const { cpus, assignments } = choose({ results: [{ device: 'cpudevnuma001', cpus: '4' }] });
    assert.equal(cpus.toString(), '4-5,12-13');
    assert.equal(assignments[0]?.policy, 'packed');
    assert.match(assignments[0]?.why?.join(' ') ?? '', /^Why: best fit .* Touches 1 socket, 1 NUMA node/);
  });

  test('P1: refuses an allocation without the capacity it consumed', () => {
    assert.match(
      chooseError({ results: [{ device: 'cpudevnuma000' }] }),
      /^MissingCapacity: the allocation of device cpudevnuma000 has no consumedCapacity/,
    );
  });

  test('P2: refuses zero, negative, fractional and huge amounts, naming the value', () => {
    for (const cpus of ['0', '-1', '1500m', '0.5', 'many']) {
      const error = chooseError({ results: [{ device: 'cpudevnuma000', cpus }] });
      assert.ok(error.startsWith('InvalidCapacity: '), error);
      assert.ok(error.includes(JSON.stringify(cpus)), error);
    }
    assert.match(
      chooseError({ results: [{ device: 'cpudevnuma000', cpus: '1e30' }] }),
      /^NotEnoughCPUs: .* are wanted of device cpudevnuma000, 8 of its 8 are free \(0-3,8-11\)/,
    );
    assert.deepEqual(cpusOf({ results: [{ device: 'cpudevnuma000', cpus: '2000m' }] }), ['0,8']);
  });

  test('P4: gives the devices of a claim disjoint CPUs and leaves results of other drivers out', () => {
    const results = [
      { device: 'cpudevnuma000', cpus: '4', request: 'a' },
      { device: 'gpu-0', driver: 'gpu.example.com', request: 'gpu' },
      { device: 'cpudevnuma000', cpus: '4', request: 'b' },
    ];
    assert.deepEqual(cpusOf({ results }), ['0-1,8-9', '2-3,10-11']);
  });

  test('P13: gives a claim more CPUs than it may have single-CPU devices (32)', () => {
    const topology = smtMachine({ nodes: 1, cores: 64 });
    assert.equal(choose({ topology, results: [{ device: 'cpudevnuma000', cpus: '64' }] }).cpus.size, 64);
  });

  test('P14: names the holder of a device that the scheduler allocated twice', () => {
    assert.equal(
      chooseError({ mode: individual, taken: '8', results: [{ device: 'cpudev001' }] }),
      'Conflict: CPU 8 (device cpudev001) belongs to claim shop/cache (CPUs 8); delete the pod, so that the scheduler chooses again',
    );
    assert.match(
      chooseError({ mode: individual, results: [{ device: 'cpudev001' }, { device: 'cpudev001', request: 'b' }] }),
      /^Conflict: device cpudev001 \(CPU 8\) is allocated to it twice/,
    );
  });

  test('P15: counts the capacity once for each device of a request with a count', () => {
    const results = [
      { device: 'cpudevnuma000', cpus: '4', shareID: 's1' },
      { device: 'cpudevnuma000', cpus: '4', shareID: 's2' },
    ];
    const { assignments } = choose({ results });
    assert.deepEqual(
      assignments.map(({ cpus, shareId }) => [cpus.toString(), shareId]),
      [
        ['0-1,8-9', 's1'],
        ['2-3,10-11', 's2'],
      ],
    );
  });

  test('splits a claim of two requests over two NUMA nodes', () => {
    const topology = smtMachine({ nodes: 2, cores: 8 });
    const results = [
      { request: 'numa0-cpus', device: 'cpudevnuma000', cpus: '10' },
      { request: 'numa1-cpus', device: 'cpudevnuma001', cpus: '10' },
    ];
    assert.deepEqual(cpusOf({ topology, results }), ['0-4,16-20', '8-12,24-28']);
  });

  test('gives administrative access no CPUs', () => {
    const { cpus, assignments } = choose({
      taken: '0-15',
      results: [{ device: 'cpudevnuma000', cpus: '4', adminAccess: true }],
    });
    assert.deepEqual([cpus.size, assignments[0]?.policy], [0, 'adminAccess']);
  });

  test('refuses devices of other pools and devices that are not there', () => {
    assert.match(
      chooseError({ results: [{ device: 'cpudevnuma000', cpus: '1', pool: 'node-b' }] }),
      /^UnknownDevice: device cpudevnuma000 is of pool "node-b"; this node's pool is "node-a"/,
    );
    assert.match(
      chooseError({ results: [{ device: 'cpudev007x' }] }),
      /^UnknownDevice: this node has no device "cpudev007x"/,
    );
  });

  test('takes the CPUs of single-CPU devices', () => {
    assert.deepEqual(cpusOf({ mode: individual, results: [{ device: 'cpudev000' }, { device: 'cpudev001' }] }), [
      '0',
      '8',
    ]);
  });
});

describe('chooseCpus on the machine device', () => {
  test('refuses a claim that names no CPUs, and places it with machinePlacement "auto"', () => {
    const results = [{ device: 'cpudevmachine', cpus: '4' }];
    assert.match(
      chooseError({ mode: grouped('machine'), results }),
      /^InvalidConfig: device cpudevmachine needs an explicit cpuset .* for request "cpus"; .* or set machinePlacement to "auto"/,
    );
    assert.deepEqual(cpusOf({ ...onMachine, results }), ['0-1,8-9']);
  });

  test('takes the CPUs a claim names', () => {
    const { assignments } = choose({
      mode: grouped('machine'),
      results: [{ device: 'cpudevmachine', cpus: '4' }],
      configs: [{ requests: ['cpus'], cpuConfig: { cpuset: '2-5' } }],
    });
    assert.deepEqual([assignments[0]?.cpus.toString(), assignments[0]?.policy], ['2-5', 'cpuset']);
  });
});

describe('chooseCpus with a cpuset that the claim names', () => {
  for (const [groupBy, device, cpuset] of [
    ['numanode', 'cpudevnuma001', '4-5,12'],
    ['socket', 'cpudevsocket001', '4-6'],
    ['l3cache', 'cpudevl3cache000', '0,8-9'],
    ['machine', 'cpudevmachine', '3-5'],
  ] as const) {
    test(`P11: accepts it with groupBy ${groupBy} when it lies in the device`, () => {
      const given = { mode: grouped(groupBy), results: [{ device, cpus: '3' }], configs: [{ cpuConfig: { cpuset } }] };
      assert.deepEqual(cpusOf(given), [cpuset]);
    });
  }

  const offline = { ...smtMachine({ nodes: 2, cores: 4 }) };
  const withOffline = {
    ...offline,
    online: offline.online.difference(smtMachine({ cores: 1 }).online),
    offline: smtMachine({ cores: 1 }).online,
  };
  const two = [
    { request: 'a', device: 'cpudevmachine', cpus: '2' },
    { request: 'b', device: 'cpudevmachine', cpus: '2' },
  ];
  const one = [{ device: 'cpudevmachine', cpus: '2' }];
  for (const [title, given, error] of [
    [
      'offline CPUs',
      { topology: withOffline, results: one, configs: [{ cpuConfig: { cpuset: '1-2' } }] },
      'CPU 1 of the configured cpuset "1-2" is offline; name CPUs that are online',
    ],
    [
      'CPUs the node does not have',
      { results: one, configs: [{ cpuConfig: { cpuset: '15-16' } }] },
      'CPU 16 of the configured cpuset "15-16" does not exist on this node, which has 0-15',
    ],
    [
      'reserved CPUs',
      { reserved: '0-1', results: one, configs: [{ cpuConfig: { cpuset: '1-2' } }] },
      'CPU 1 of the configured cpuset "1-2" is reserved for the system (reservedCPUs)',
    ],
    [
      'CPUs that no container can have',
      { podCpus: CpuSet.range(2, 15), results: one, configs: [{ cpuConfig: { cpuset: '1-2' } }] },
      'CPU 1 of the configured cpuset "1-2" is outside the cgroup that all pods are in, where no container can be given CPUs',
    ],
    [
      'CPUs kept for the shared pool',
      { sharedPoolMinCpus: 1, results: one, configs: [{ cpuConfig: { cpuset: '8-9' } }] },
      'CPU 8 of the configured cpuset "8-9" is kept for containers without a claim (sharedPoolMinCPUs, or rests of cores)',
    ],
    [
      'CPUs of another device',
      {
        mode: grouped('numanode'),
        results: [{ device: 'cpudevnuma000', cpus: '2' }],
        configs: [{ cpuConfig: { cpuset: '3-4' } }],
      },
      'CPU 4 of the configured cpuset "3-4" is not of device cpudevnuma000, which has 0-3,8-11',
    ],
    [
      'another number of CPUs than allocated',
      { results: one, configs: [{ cpuConfig: { cpuset: '1-3' } }] },
      'the configured cpuset "1-3" has 3 CPUs, and 2 are allocated of device cpudevmachine; the counts must match',
    ],
    [
      'CPUs of another request of the claim',
      {
        results: two,
        configs: [
          { requests: ['a'], cpuConfig: { cpuset: '1-2' } },
          { requests: ['b'], cpuConfig: { cpuset: '2-3' } },
        ],
      },
      'CPU 2 of the configured cpuset "2-3" is configured for another request of this claim too',
    ],
    [
      'one list for two requests',
      { results: two, configs: [{ requests: ['a', 'b'], cpuConfig: { cpuset: '1-2' } }] },
      'one cpuset is configured for 2 requests (a, b); want a configuration for each',
    ],
    [
      'one list for all of several requests',
      { results: two, configs: [{ cpuConfig: { cpuset: '1-2' } }] },
      'one cpuset is configured for 2 requests (a, b); want a configuration for each',
    ],
    [
      'one list for several devices of a request',
      { results: [...one, ...one], configs: [{ cpuConfig: { cpuset: '1-2' } }] },
      'one cpuset is configured for the 2 devices of request "cpus"; want one device a request, with all of its CPUs',
    ],
    [
      'a request that two configurations target',
      {
        results: one,
        configs: [{ cpuConfig: { cpuset: '1-2' } }, { requests: ['cpus'], cpuConfig: { cpuset: '1-2' } }],
      },
      'request "cpus" is the target of 2 configurations of the claim; give it one',
    ],
    [
      'a list in a DeviceClass',
      { results: one, configs: [{ source: 'FromClass', cpuConfig: { cpuset: '1-2' } }] },
      'the DeviceClass of request "cpus" configures cpuset "1-2"; every claim of the class would get the same CPUs, so that only ' +
        'a claim may name them',
    ],
    [
      'a list that is none',
      { results: one, configs: [{ cpuConfig: { cpuset: '2-1' } }] },
      'the claim\'s opaque parameters for request "cpus": cpuConfig.cpuset is "2-1"; want a Linux CPU list of one CPU or more ' +
        'such as "2-5" or "0,4-6"',
    ],
  ] as const satisfies readonly (readonly [string, Omit<GivenChoice, 'mode'> & { mode?: DeviceMode }, string])[]) {
    test(`P12: refuses ${title}`, () => {
      assert.equal(chooseError({ mode: grouped('machine'), ...given }), `InvalidConfig: ${error}`);
    });
  }

  test('P12: refuses CPUs of another claim and names it', () => {
    assert.equal(
      chooseError({ ...onMachine, taken: '2', results: one, configs: [{ cpuConfig: { cpuset: '1-2' } }] }),
      'Conflict: CPU 2 of the configured cpuset "1-2" belongs to claim shop/cache (CPUs 2); name CPUs that are free, or delete the pod that has it',
    );
  });

  test('refuses a list that cuts cores where whole ones are wanted', () => {
    const error = chooseError({
      ...onMachine,
      results: one,
      configs: [{ cpuConfig: { cpuset: '1-2', fullPhysicalCores: true } }],
    });
    assert.match(error, /^Unsatisfiable: CPUs 1-2 leave 9-10 of their cores to others/);
  });
});

describe('chooseCpus with opaque parameters', () => {
  const numa0 = [{ device: 'cpudevnuma000', cpus: '2' }];
  const spread = { cpuConfig: { placement: 'spread' } };

  test('P10: a configuration without requests is for all of them', () => {
    const results = [...numa0, { device: 'cpudevnuma001', cpus: '2', request: 'other' }];
    assert.deepEqual(cpusOf({ results, configs: [spread] }), ['0-1', '4-5']);
  });

  test('P10: a configuration is for a sub-request, or for all sub-requests of a request', () => {
    const results = [
      { ...numa0[0], device: 'cpudevnuma000', request: 'cpus/small' },
      { device: 'cpudevnuma001', cpus: '2', request: 'other/big' },
    ];
    assert.deepEqual(cpusOf({ results, configs: [{ ...spread, requests: ['cpus'] }] }), ['0-1', '4,12']);
    assert.deepEqual(cpusOf({ results, configs: [{ ...spread, requests: ['other/big'] }] }), ['0,8', '4-5']);
    assert.deepEqual(cpusOf({ results, configs: [{ ...spread, requests: ['other/small'] }] }), ['0,8', '4,12']);
  });

  test('a DeviceClass gives defaults, of which the claim replaces what it names', () => {
    const ofClass = (cpuConfig: unknown) => ({ source: 'FromClass', cpuConfig }) as const;
    const policyOf = (...configs: GivenChoice['configs'] & object) =>
      choose({ ...onMachine, results: [{ device: 'cpudevmachine', cpus: '4' }], configs }).assignments[0]?.policy;
    assert.equal(policyOf(ofClass({ placement: 'spread' })), 'spread');
    assert.equal(
      policyOf(ofClass({ placement: 'spread' }), { cpuConfig: { placement: 'packed-no-l3' } }),
      'packed-no-l3',
    );
    assert.equal(
      policyOf(ofClass({ placement: 'distributed', groupSize: 2 }), { cpuConfig: { placement: 'packed' } }),
      'packed',
    );
    assert.equal(policyOf(ofClass({ placement: 'spread' }), { cpuConfig: { cpuset: '0-3' } }), 'cpuset');
    assert.match(
      chooseError({ results: numa0, configs: [ofClass({ fullPhysicalCores: true }), spread] }),
      /^InvalidConfig: the opaque parameters of claim and DeviceClass together, for request "cpus": .*fullPhysicalCores is true and placement "spread"/,
    );
  });

  for (const [cpuConfig, cpus, wanted] of [
    [{}, '4', '0-1,8-9'],
    [{ placement: 'spread' }, '4', '0-3'],
    [{ placement: 'one-thread-per-core' }, '6', '0-5'],
    [{ placement: 'distributed' }, '10', '0-2,4-6,8-9,12-13'],
    [{ placement: 'distributed', fullPhysicalCores: true }, '12', '0-2,4-6,8-10,12-14'],
    [{ placement: 'distributed', numaNodes: 2, groupSize: 2 }, '4', '0,4,8,12'],
    [{ placement: 'single-numa-node', fullPhysicalCores: true }, '8', '0-3,8-11'],
    [{ fullPhysicalCores: true }, '6', '0-2,8-10'],
    [{ nearPCIeRoots: ['pci0000:00'] }, '2', '0,8'],
    [{ placement: 'spread', singleSocket: true }, '6', '0-3,8-9'],
    [{ placement: 'distributed', singleSocket: true }, '8', '0-3,8-11'],
  ] as const) {
    test(`${JSON.stringify(cpuConfig)} of ${cpus} CPUs gives ${wanted}`, () => {
      const results = [{ device: 'cpudevmachine', cpus }];
      assert.deepEqual(cpusOf({ ...onMachine, results, configs: [{ cpuConfig }] }), [wanted]);
    });
  }

  test('avoidSharing takes the L3 cache that no other claim uses, of choices that are as good', () => {
    const given = { ...onMachine, results: [{ device: 'cpudevmachine', cpus: '2' }], taken: '0,8' };
    assert.deepEqual(cpusOf(given), ['1,9']);
    const careful = choose({ ...given, configs: [{ cpuConfig: { avoidSharing: 'l3' } }] });
    assert.equal(`${careful.cpus}`, '4,12');
    assert.equal(careful.assignments[0]?.why?.at(-1), 'Shares 0 L3 caches, 0 cores with others.');
  });

  for (const [cpuConfig, cpus, error] of [
    [{ singleSocket: true }, '10', /^Unsatisfiable: .*10 CPUs of one socket: the one with the most has 8 of them free/],
    [{ fullPhysicalCores: true }, '3', /^Unsatisfiable: 3 CPUs are wanted .* no whole cores have exactly that many/],
    [
      { placement: 'single-numa-node', fullPhysicalCores: true },
      '3',
      /^Unsatisfiable: 3 CPUs do not add up to whole cores \(fullPhysicalCores\)/,
    ],
    [{ placement: 'distributed', numaNodes: 2, groupSize: 2 }, '3', /^Unsatisfiable: .*evenly of 2 NUMA nodes/],
    [
      { placement: 'distributed', groupSize: 3, fullPhysicalCores: true },
      '6',
      /^InvalidConfig: cpuConfig.groupSize is 3 and fullPhysicalCores true; want a multiple of the 2 threads of a core/,
    ],
    [{ placement: 'single-numa-node' }, '9', /^Unsatisfiable: 9 CPUs are wanted of device cpudevmachine/],
    [{ coreType: 'p-core' }, '1', /^NotEnoughCPUs: .*1 p-core CPUs: 0 are free/],
    [{ isolated: 'require' }, '1', /^NotEnoughCPUs: .*1 isolated CPUs: 0 are free/],
    [
      { nearPCIeRoots: ['pci0000:80'] },
      '1',
      /^InvalidConfig: cpuConfig.nearPCIeRoots has "pci0000:80"; the PCIe roots known of this node are pci0000:00/,
    ],
    [{ placment: 'packed' }, '1', /: cpuConfig has the unknown key "placment"; did you mean "placement"\?$/],
  ] as const) {
    test(`${JSON.stringify(cpuConfig)} of ${cpus} CPUs is refused`, () => {
      const results = [{ device: 'cpudevmachine', cpus }];
      assert.match(chooseError({ ...onMachine, results, configs: [{ cpuConfig }] }), error);
    });
  }

  test('distributed is refused on a device of one NUMA node', () => {
    assert.match(
      chooseError({ results: numa0, configs: [{ cpuConfig: { placement: 'distributed' } }] }),
      /^InvalidConfig: cpuConfig.placement is "distributed" and device cpudevnuma000 lies in one NUMA node/,
    );
  });

  test('whole cores of different sizes are not distributed', () => {
    const machine = smtMachine({ nodes: 2, cores: 4 });
    const topology = {
      ...machine,
      online: machine.online.difference(smtMachine({ cores: 1 }).online),
      cores: machine.cores.map((core) => ({ ...core, cpus: core.cpus.difference(smtMachine({ cores: 1 }).online) })),
    };
    assert.match(
      chooseError({
        ...onMachine,
        topology,
        results: [{ device: 'cpudevmachine', cpus: '4' }],
        configs: [{ cpuConfig: { placement: 'distributed', fullPhysicalCores: true } }],
      }),
      /^InvalidConfig: whole cores of device cpudevmachine cannot be distributed evenly/,
    );
  });

  test('are refused from a claim where devices are single CPUs, and left out from a DeviceClass', () => {
    const given = { mode: individual, results: [{ device: 'cpudev000' }] };
    assert.match(
      chooseError({ ...given, configs: [spread] }),
      /^InvalidConfig: request "cpus" has opaque parameters that choose CPUs \(placement\), and device cpudev000 is a single CPU/,
    );
    assert.deepEqual(cpusOf({ ...given, configs: [{ ...spread, source: 'FromClass' }] }), ['0']);
  });
});

describe('chooseCpus on a node that gives whole cores only', () => {
  const node = { fullPhysicalCores: true };

  test('T12: refuses an odd request, and takes whole cores otherwise', () => {
    assert.match(
      chooseError({ ...node, results: [{ device: 'cpudevnuma000', cpus: '3' }] }),
      /^Unsatisfiable: .*ask for a multiple of 2/,
    );
    assert.deepEqual(cpusOf({ ...node, results: [{ device: 'cpudevnuma000', cpus: '4' }] }), ['0-1,8-9']);
  });

  test('refuses claims that ask for threads', () => {
    for (const cpuConfig of [{ fullPhysicalCores: false }, { placement: 'spread' }]) {
      assert.match(
        chooseError({ ...node, results: [{ device: 'cpudevnuma000', cpus: '2' }], configs: [{ cpuConfig }] }),
        /^InvalidConfig: its opaque parameters ask for threads of cores .* this node gives whole physical cores only/,
      );
    }
  });

  test('refuses single-CPU devices that cut a core', () => {
    assert.match(
      chooseError({ ...node, mode: individual, results: [{ device: 'cpudev000' }] }),
      /^Unsatisfiable: CPU 0 leaves 8 of its core to others/,
    );
    assert.equal(
      choose({ ...node, mode: individual, results: [{ device: 'cpudev000' }, { device: 'cpudev001' }] }).cpus.size,
      2,
    );
  });
});

describe('chooseCpus with memoryNodes', () => {
  const local = { cpuConfig: { memoryNodes: 'local' } };
  const ofClass = { ...local, source: 'FromClass' } as const;
  const memoryOf = (given: GivenChoice) => choose(given).memoryNodes?.toString();
  const numa1 = [{ device: 'cpudevnuma001', cpus: '2' }];

  test('binds memory to the nodes of the CPUs of the claim, and to none unless asked', () => {
    assert.equal(memoryOf({ results: numa1 }), undefined);
    assert.equal(memoryOf({ results: numa1, configs: [{ cpuConfig: { memoryNodes: 'any' } }] }), undefined);
    assert.equal(memoryOf({ results: numa1, configs: [local] }), '1');
  });

  test('one request that asks is enough, and the nodes are those of all requests', () => {
    const results = [
      { device: 'cpudevnuma000', cpus: '2', request: 'a' },
      { device: 'cpudevnuma001', cpus: '2', request: 'b' },
    ];
    assert.equal(memoryOf({ results, configs: [{ ...local, requests: ['b'] }] }), '0-1');
  });

  test('is a default of a DeviceClass that a claim takes back, and that stays beside a list of CPUs', () => {
    assert.equal(memoryOf({ results: numa1, configs: [ofClass] }), '1');
    assert.equal(memoryOf({ results: numa1, configs: [ofClass, { cpuConfig: { memoryNodes: 'any' } }] }), undefined);
    assert.equal(memoryOf({ results: numa1, configs: [ofClass, { cpuConfig: { placement: 'spread' } }] }), '1');
    assert.equal(memoryOf({ results: numa1, configs: [ofClass, { cpuConfig: { cpuset: '4-5' } }] }), '1');
  });

  test('goes with single CPUs, which it does not choose', () => {
    const given = { mode: individual, results: [{ device: 'cpudev000' }] };
    assert.equal(memoryOf({ ...given, configs: [local] }), '0');
    assert.equal(memoryOf({ ...given, configs: [ofClass] }), '0');
  });

  test('takes the nearest node with memory where that of the CPUs has none', () => {
    const machine = smtMachine({ nodes: 2, cores: 4 });
    const numaNodes = machine.numaNodes.map((node) => ({ ...node, hasMemory: node.numaNode === 0 }));
    assert.equal(memoryOf({ results: numa1, configs: [local], topology: { ...machine, numaNodes } }), '0');
  });

  test('binds nothing on a machine without NUMA nodes, and is refused where several are not told apart', () => {
    const untold = (nodes: number) => {
      const machine = smtMachine({ nodes, cores: 4 });
      return { ...machine, numaNodes: machine.numaNodes.map((node) => ({ ...node, hasMemory: undefined })) };
    };
    const results = [{ device: 'cpudevnuma000', cpus: '2' }];
    assert.equal(memoryOf({ results, configs: [local], topology: untold(1) }), undefined);
    assert.match(
      chooseError({ results, configs: [local], topology: untold(2) }),
      /^InvalidConfig: cpuConfig.memoryNodes is "local", and this node's kernel tells of none of its 2 NUMA nodes/,
    );
  });

  test('binds nothing for administrative access', () => {
    const results = [{ device: 'cpudevnuma000', adminAccess: true }];
    assert.equal(memoryOf({ results, configs: [local] }), undefined);
  });
});

describe('chooseCpus with sharedCPUs', () => {
  const shared = { cpuConfig: { sharedCPUs: true } };
  const ofClass = { ...shared, source: 'FromClass' } as const;
  const results = [{ device: 'cpudevnuma001', cpus: '2' }];

  test('gives the claim the same CPUs as without, and lets its container share the others', () => {
    const { sharesPool, cpus, assignments } = choose({ results, configs: [shared] });
    assert.deepEqual([sharesPool, String(cpus)], [true, String(choose({ results }).cpus)]);
    assert.deepEqual(assignments, choose({ results }).assignments);
    assert.equal(choose({ results }).sharesPool, undefined);
  });

  test('is a default of a DeviceClass that a claim takes back, and that stays beside a list of CPUs', () => {
    const sharesPool = (...configs: GivenChoice['configs'] & object) => choose({ results, configs }).sharesPool;
    assert.equal(sharesPool(ofClass), true);
    assert.equal(sharesPool(ofClass, { cpuConfig: { sharedCPUs: false } }), undefined);
    assert.equal(sharesPool(ofClass, { cpuConfig: { cpuset: '4-5' } }), true);
  });

  test('goes with single CPUs, and one of several requests is enough', () => {
    const single = [{ device: 'cpudev000' }, { device: 'cpudev001', request: 'b' }];
    assert.equal(
      choose({ mode: individual, results: single, configs: [{ ...shared, requests: ['b'] }] }).sharesPool,
      true,
    );
  });

  test('leaves fractions of a CPU refused', () => {
    assert.match(
      chooseError({ results: [{ device: 'cpudevnuma001', cpus: '1500m' }], configs: [shared] }),
      /^InvalidCapacity: .* want a whole number of CPUs, 1 or more/,
    );
  });
});
