import { buildMachine, type CoreBlueprint, type CpuNumbering } from './blueprint.ts';
import type { CpuTopology } from './topology.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';
import { countOf } from '../lib/count.ts';

/** What is wrong with a synthetic description. */
export type SyntheticErrorCode =
  | 'Empty'
  | 'UnknownLevel'
  | 'InvalidCount'
  | 'InvalidAttribute'
  | 'WrongOrder'
  | 'TooManyCpus';

/** A text that describes no machine. The message quotes the text and the part that is wrong. */
export class SyntheticError extends CodedError<SyntheticErrorCode> {
  override readonly name = 'SyntheticError';
}

/** The largest NR_CPUS that Linux can be built with (arch/x86/Kconfig, 6.18). */
const SYNTHETIC_CPUS_MAX = 8192;

/** Levels that mean something to a topology; `other` only multiplies (hwloc's groups and inner caches). */
type Level = 'pack' | 'die' | 'cluster' | 'numa' | 'l3' | 'core' | 'pu' | 'other';

/** hwloc's names of levels, in lower case and without its suffix "cache" (hwloc 2.9, synthetic descriptions), and Linux's. */
const LEVEL_OF_NAME: Readonly<Record<string, Level>> = {
  machine: 'other',
  group: 'other',
  pack: 'pack',
  package: 'pack',
  socket: 'pack',
  die: 'die',
  cluster: 'cluster',
  module: 'cluster',
  numa: 'numa',
  numanode: 'numa',
  node: 'numa',
  l1: 'other',
  l1d: 'other',
  l1i: 'other',
  l2: 'other',
  l2u: 'other',
  l3: 'l3',
  l3u: 'l3',
  l4: 'other',
  l5: 'other',
  core: 'core',
  pu: 'pu',
  thread: 'pu',
};

const KIB_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1 / 1024,
  kb: 1,
  kib: 1,
  mb: 1024,
  mib: 1024,
  gb: 1 << 20,
  gib: 1 << 20,
};

type Fail = (code: SyntheticErrorCode, why: string) => never;

interface LevelCount {
  readonly level: Level;
  readonly count: number;
  readonly sizeKiB: number | undefined;
  /** NUMA nodes attached to each object of this level, `[numa]`. */
  attachedNodes: number;
}

/** The size in KiB of "(size=32MB)"; other attributes (`memory`) say nothing about CPUs. */
function readSize(token: string, attributes: string, fail: Fail): number | undefined {
  for (const attribute of attributes.split(/\s+/).filter((text) => text !== '')) {
    const [key, value = ''] = attribute.split('=');
    if (key === 'memory') continue;
    const match = /^(\d{1,12})([a-z]{0,3})$/.exec(value.toLowerCase());
    const unit = KIB_PER_UNIT[match?.[2] ?? ''];
    if (key !== 'size' || !match || unit === undefined) {
      return fail('InvalidAttribute', `${quote(token)} has ${quote(attribute)}; want size=32MB or memory=64GB`);
    }
    return Math.floor(Number(match[1]) * unit);
  }
  return undefined;
}

function parseLevel(token: string, fail: Fail): LevelCount {
  const match = /^([a-z]\w*):(\d+)(?:\(([^()]*)\))?$/i.exec(token);
  if (!match) return fail('UnknownLevel', `${quote(token)} is no level; want type:count such as "core:8"`);
  const name = (match[1] ?? '').toLowerCase().replace(/^(l\d[diu]?)cache$/, '$1');
  const level = LEVEL_OF_NAME[name];
  if (!level) {
    return fail(
      'UnknownLevel',
      `${quote(match[1])} is no type; want pack, die, numa, l3, cluster, core, pu or hwloc's others`,
    );
  }
  const count = Number(match[2]);
  if (count < 1 || count > SYNTHETIC_CPUS_MAX) {
    return fail('InvalidCount', `${quote(token)} has a count that is not 1 to ${SYNTHETIC_CPUS_MAX}`);
  }
  return { level, count, sizeKiB: readSize(token, match[3] ?? '', fail), attachedNodes: 0 };
}

/** A type may come once, cores and PUs last: nothing is smaller. */
function checkOrder(levels: readonly LevelCount[], fail: Fail): void {
  const seen = new Set<Level>();
  for (const { level, count } of levels) {
    if (level !== 'other' && seen.has(level)) fail('WrongOrder', `level "${level}" comes twice`);
    if (seen.has('pu')) fail('WrongOrder', `level "${level}" is inside a pu; want pu last`);
    const fitsInCore = level === 'pu' || (level === 'other' && count === 1);
    if (seen.has('core') && !fitsInCore) fail('WrongOrder', `level "${level}" is inside a core; want pu there`);
    seen.add(level);
  }
  const cpus = levels.reduce((product, { count }) => product * count, 1);
  if (cpus > SYNTHETIC_CPUS_MAX)
    fail('TooManyCpus', `it has ${countOf(cpus, 'CPU')}; want ${SYNTHETIC_CPUS_MAX} or fewer`);
}

function parseLevels(text: string, fail: Fail): LevelCount[] {
  const root: LevelCount = { level: 'other', count: 1, sizeKiB: undefined, attachedNodes: 0 };
  const levels = [root];
  for (const token of text.match(/\[[^\]]*\]|[^\s([]+(?:\([^)]*\))?/g) ?? []) {
    if (!token.startsWith('[')) levels.push(parseLevel(token, fail));
    else if (/^\[(numa|numanode|node)(\([^)]*\))?\]$/i.test(token)) (levels.at(-1) ?? root).attachedNodes += 1;
    else fail('UnknownLevel', `${quote(token)} cannot be attached; want [numa]`);
  }
  if (levels.length === 1) fail('Empty', 'it names no level; want one such as "pack:2 numa:2 l3:2 core:8 pu:2"');
  const hasNumaLevel = levels.some(({ level }) => level === 'numa');
  if (hasNumaLevel && levels.some(({ attachedNodes }) => attachedNodes > 0)) {
    fail('WrongOrder', 'it has both a numa level and attached [numa] nodes; want one form');
  }
  checkOrder(levels, fail);
  return levels;
}

/** The cores of the machine, walked depth first: `index[level]` numbers the object of a level that a core is in. */
class CoreWalk {
  readonly cores: CoreBlueprint[] = [];
  readonly #levels: readonly LevelCount[];
  readonly #nodeDepth: number;
  readonly #next = new Map<Level | 'attached', number>();
  readonly #coreIds = new Map<number, number>();

  constructor(levels: readonly LevelCount[]) {
    this.#levels = levels;
    this.#nodeDepth = levels.findLastIndex(({ attachedNodes }) => attachedNodes > 0);
    this.#visit(0, {});
  }

  #take(level: Level | 'attached'): number {
    const number = this.#next.get(level) ?? 0;
    this.#next.set(level, number + 1);
    return number;
  }

  #visit(depth: number, place: Readonly<Partial<Record<Level, number>>>): void {
    const entry = this.#levels[depth];
    if (!entry || entry.level === 'pu') {
      this.#addCore(place, entry?.count ?? 1);
      return;
    }
    for (let i = 0; i < entry.count; i += 1) {
      const own = { ...place, [entry.level]: this.#take(entry.level) };
      this.#visit(depth + 1, depth === this.#nodeDepth ? { ...own, numa: this.#take('attached') } : own);
    }
  }

  /** Without a core level each PU is a core of its own. */
  #addCore(place: Readonly<Partial<Record<Level, number>>>, pus: number): void {
    const socket = place.pack ?? 0;
    const isCore = place.core !== undefined;
    for (let i = 0; i < (isCore ? 1 : pus); i += 1) {
      const coreId = this.#coreIds.get(socket) ?? 0;
      this.#coreIds.set(socket, coreId + 1);
      this.cores.push({
        socket,
        numaNode: place.numa ?? 0,
        ...(place.die !== undefined && { die: place.die }),
        ...(place.cluster !== undefined && { cluster: place.cluster }),
        ...(place.l3 !== undefined && { l3Cache: place.l3 }),
        threads: isCore ? pus : 1,
        coreId,
      });
    }
  }
}

/** How many nodes without CPUs the attachments give: all but the first at the deepest place. */
function countMemoryNodes(levels: readonly LevelCount[]): number {
  const deepest = levels.findLastIndex(({ attachedNodes }) => attachedNodes > 0);
  let objects = 1;
  let nodes = 0;
  for (const [depth, { count, attachedNodes }] of levels.entries()) {
    objects *= count;
    nodes += objects * (depth === deepest ? attachedNodes - 1 : attachedNodes);
  }
  return nodes;
}

/**
 * Builds the machine that a text in hwloc's synthetic syntax describes: levels from the outside in, each with its count
 * per object of the level before. `[numa]` attaches a NUMA node to every object of the level before it; of several the
 * first of the deepest has the CPUs. Without a `pack`, `numa` or `pu` level there is one of it; without `l3` there is no cache.
 * @throws SyntheticError naming the part that is wrong.
 * @example parseSynthetic('pack:2 numa:2 l3:2 core:8 pu:2').online.toString() // '0-127'
 */
export function parseSynthetic(text: string, numbering: CpuNumbering = 'threads-last'): CpuTopology {
  const fail: Fail = (code, why) => {
    throw new SyntheticError(code, `Cannot build the machine ${quote(text)}: ${why}`);
  };
  const levels = parseLevels(text, fail);
  const { cores } = new CoreWalk(levels);
  const l3SizeKiB = levels.find(({ level }) => level === 'l3')?.sizeKiB;
  const nodesWithCpus = new Set(cores.map(({ numaNode }) => numaNode)).size;
  return buildMachine({
    cores,
    numbering,
    ...(l3SizeKiB !== undefined && { l3SizeKiB }),
    memoryNodes: Array.from({ length: countMemoryNodes(levels) }, (_, i) => nodesWithCpus + i),
  });
}
