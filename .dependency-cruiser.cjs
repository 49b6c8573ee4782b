// The table of ARCHITECTURE.md ("Who may visit whom") as rules. A room that is not named in
// another room's list is closed to it; tests may visit any room.
const rooms = {
  lib: [],
  gen: [],
  cdi: ['lib'],
  metrics: [],
  cpuset: ['lib/invariant'],
  topology: ['cpuset', 'lib/invariant'],
  placement: ['cpuset', 'topology', 'lib/invariant'],
  devices: ['cpuset', 'topology', 'lib/invariant'],
  claims: ['cpuset', 'topology', 'placement', 'devices', 'lib/invariant'],
  driver: ['lib', 'cpuset', 'topology', 'placement', 'devices', 'claims', 'cdi/spec'],
  ttrpc: ['lib', 'gen'],
  nri: ['lib', 'gen', 'cpuset', 'ttrpc'],
  kubelet: ['lib', 'gen'],
  sysfs: ['lib', 'cpuset', 'topology'],
  apiserver: ['lib', 'devices'],
  config: ['lib', 'cpuset', 'devices'],
  view: ['lib', 'cpuset', 'topology', 'devices', 'claims'],
  daemon: [
    'lib', 'gen', 'cdi', 'metrics', 'cpuset', 'topology', 'placement', 'devices', 'claims', 'driver',
    'ttrpc', 'nri', 'kubelet', 'sysfs', 'apiserver', 'config', 'view',
  ],
  simulator: ['lib', 'gen', 'cpuset', 'topology', 'devices', 'ttrpc', 'nri', 'cdi/spec', 'sysfs', 'view'],
  cli: [
    'lib', 'daemon', 'config', 'metrics', 'cpuset', 'sysfs', 'topology', 'placement', 'devices', 'claims', 'view',
    'cdi', 'apiserver', 'simulator',
  ],
};
const pureRooms = ['cpuset', 'topology', 'placement', 'devices', 'claims', 'driver'];
const notTests = '\\.test\\.ts$|/testing/';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(rooms).map(([room, visits]) => ({
      name: `room-${room}`,
      comment: `${room}/ may import only: ${visits.join(', ') || 'nothing of ours'}`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: notTests },
      to: { path: '^src/', pathNot: [`^src/${room}/`, ...visits.map((visit) => `^src/${visit}[/.]`)] },
    })),
    {
      name: 'pure-rooms-touch-nothing-outside',
      comment: 'cpuset, topology, placement, devices, claims and driver use no Node built-in and no npm package',
      severity: 'error',
      from: { path: `^src/(${pureRooms.join('|')})/`, pathNot: notTests },
      to: { pathNot: '^src/' },
    },
    {
      name: 'no-orphans',
      comment: 'every file is reached from the command or is a test',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: [notTests, '^src/gen/'] },
      to: {},
    },
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { pathNot: notTests },
      to: { path: notTests },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
