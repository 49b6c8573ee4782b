/** The reader against lscpu on the machine that runs the tests. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { readTopology } from '../../src/sysfs/read-topology.ts';
import { assertSame, groupByKey, nameSets } from './compare.ts';

interface LscpuRow {
  readonly cpu: number | string;
  readonly node: number | string | null;
  readonly socket: number | string | null;
  readonly core: number | string | null;
  readonly cache?: string | null;
  readonly online: boolean | string;
}

const lscpu = spawnSync('lscpu', ['-J', '-e=CPU,NODE,SOCKET,CORE,CACHE,ONLINE'], { encoding: 'utf8' });
const skip = lscpu.status === 0 ? false : 'lscpu is not installed or cannot read this machine';

/** The number of the level 3 cache in "1:1:0:0", under whatever name lscpu gives the column. */
function findL3(row: LscpuRow): string | undefined {
  const [levels, numbers] = Object.entries(row).find(([key]) => /^(l\d[di]?:)*l3$/.test(key)) ?? [];
  return typeof numbers === 'string' ? numbers.split(':')[levels?.split(':').indexOf('l3') ?? -1] : undefined;
}

test('readTopology reads this machine as lscpu does', { skip }, () => {
  const { cpus }: { cpus: LscpuRow[] } = JSON.parse(lscpu.stdout);
  const online = cpus.filter((row) => row.online === true || row.online === 'yes');
  const groupBy = (keyOf: (row: LscpuRow) => number | string | null | undefined) =>
    groupByKey(online.map((row) => [row.cpu, keyOf(row)] as const));
  const topology = readTopology({ hostRoot: '/', pcieRoots: false });
  assertSame(
    {
      online: topology.online.toString(),
      sockets: nameSets(topology.sockets.map((socket) => socket.cpus)),
      cores: nameSets(topology.cores.map((core) => core.cpus)),
      l3Caches: nameSets(topology.l3Caches.map((cache) => cache.cpus)),
      numaNodes: topology.cpus.map(({ cpu, numaNode }) => `${cpu}:${numaNode}`).join(' '),
    },
    {
      online: nameSets([online.map(({ cpu }) => cpu).join(',')]),
      sockets: groupBy(({ socket }) => socket),
      cores: groupBy(({ core }) => core),
      l3Caches: groupBy(findL3),
      numaNodes: online.map(({ cpu, node }) => `${cpu}:${node ?? 0}`).join(' '),
    },
  );
  assert.equal(topology.cpus.length, online.length);
});
