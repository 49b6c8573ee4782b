/**
 * The picture of the README: the CPUs of a node before and after, chosen by the driver's own placement. `generate-reference.ts`
 * writes it.
 */
import { CpuSet } from '../src/cpuset/cpu-set.ts';
import { takeCpus } from '../src/placement/take-cpus.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';
import type { CpuTopology } from '../src/topology/topology.ts';

/** Two sockets, each a NUMA node of two L3 caches of four cores with two threads. */
const MACHINE = parseSynthetic('pack:2 numa:1 l3:2 core:4 pu:2');
const RESERVED = CpuSet.of(0, 16);

/** A workload of the picture, with the CPUs that its claim requests; without a claim it has what is left. */
interface Workload {
  readonly name: string;
  readonly color: string;
  readonly cpus?: number;
}

const DATABASE: Workload = { name: 'database (claim for 8 CPUs)', color: '#56b4e9', cpus: 8 };
const CACHE: Workload = { name: 'cache (claim for 4 CPUs)', color: '#e69f00', cpus: 4 };
const WEB: Workload = { name: 'web and all other pods', color: '#b8c4ce' };
const SYSTEM: Workload = { name: 'reserved for the system', color: '#ffffff' };
const WORKLOADS = [DATABASE, CACHE, WEB] as const;

const CELL = 24;
const GAP = 4;
const PAD = 8;
const LABEL = 16;
const PANEL_GAP = 30;

/** What of a CPU's square has which color, from left to right. */
type Fill = (cpu: number) => readonly string[];

/** Where the driver places the workloads. */
function placeWorkloads(topology: CpuTopology): Fill {
  let free = topology.online.difference(RESERVED);
  const owners = new Map<number, string>(RESERVED.toArray().map((cpu) => [cpu, SYSTEM.color]));
  for (const { color, cpus } of WORKLOADS) {
    if (cpus === undefined) continue;
    const { cpus: chosen } = takeCpus(topology, { free, cpus, policy: 'packed' });
    for (const cpu of chosen) owners.set(cpu, color);
    free = free.difference(chosen);
  }
  return (cpu) => [owners.get(cpu) ?? WEB.color];
}

type Box = readonly [x: number, y: number, width: number, height: number];

const rect = ([x, y, width, height]: Box, attributes: string) =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" ${attributes}/>`;

const label = (x: number, y: number, content: string, className = '') =>
  `<text x="${x}" y="${y}"${className && ` class="${className}"`}>${content}</text>`;

/** A CPU: one square, in stripes when several workloads run on it. */
function drawCpu(cpu: number, x: number, y: number, fill: Fill): string {
  const colors = fill(cpu);
  const stripes = colors.map((color, index) =>
    rect([x + (index * CELL) / colors.length, y, CELL / colors.length, CELL], `fill="${color}"`),
  );
  const frame = rect([x, y, CELL, CELL], 'class="cpu"');
  return [...stripes, frame, label(x + CELL / 2, y + CELL / 2 + 3.5, String(cpu), 'number')].join('');
}

const CACHE_WIDTH = 4 * CELL + 3 * GAP + 2 * PAD;
const NODE_WIDTH = 2 * CACHE_WIDTH + GAP + 2 * PAD;
const CACHE_HEIGHT = LABEL + 2 * CELL + PAD;
const NODE_HEIGHT = LABEL + CACHE_HEIGHT + PAD;
const PANEL_WIDTH = NODE_WIDTH;
const PANEL_HEIGHT = 2 * NODE_HEIGHT + GAP + 24;

/** The machine with its CPUs: a row per NUMA node, a column per core with one thread above the other. */
function drawPanel(topology: CpuTopology, left: number, title: string, fill: Fill): string {
  const parts = [label(left, 14, title, 'title')];
  for (const [row, node] of topology.numaNodes.entries()) {
    const top = 24 + row * (NODE_HEIGHT + GAP);
    parts.push(
      rect([left, top, NODE_WIDTH, NODE_HEIGHT], 'class="node"'),
      label(left + PAD, top + 12, `NUMA node ${row}`),
    );
    const caches = topology.l3Caches.filter(({ cpus }) => cpus.isSubsetOf(node.cpus));
    for (const [column, { cpus, l3Cache }] of caches.entries()) {
      const x = left + PAD + column * (CACHE_WIDTH + GAP);
      const y = top + LABEL;
      parts.push(
        rect([x, y, CACHE_WIDTH, CACHE_HEIGHT], 'class="cache"'),
        label(x + PAD, y + 12, `L3 cache ${l3Cache}`),
      );
      const cores = topology.cores.filter((core) => core.cpus.isSubsetOf(cpus));
      for (const [index, core] of cores.entries()) {
        const threads = core.cpus.toArray();
        parts.push(
          ...threads.map((cpu, thread) =>
            drawCpu(cpu, x + PAD + index * (CELL + GAP), y + LABEL + thread * CELL, fill),
          ),
        );
      }
    }
  }
  return parts.join('\n');
}

function drawLegend(top: number): string {
  return [...WORKLOADS, SYSTEM]
    .map(({ name, color }, index) => {
      const x = (index % 2) * (PANEL_WIDTH + PANEL_GAP);
      const y = top + Math.floor(index / 2) * 20;
      return rect([x, y, 14, 14], `fill="${color}" class="cpu"`) + label(x + 20, y + 11, name);
    })
    .join('\n');
}

const STYLE = `text { font: 11px system-ui, sans-serif; fill: #1f2933; }
.title { font-size: 14px; font-weight: 600; }
.number { font-size: 9.5px; text-anchor: middle; }
.cpu { stroke: #7b8794; }
rect.cpu:not([fill]) { fill: none; }
.node { fill: #eef2f6; stroke: #9fb3c8; }
.cache { fill: #fbfcfd; stroke: #9fb3c8; }
.background { fill: #ffffff; }`;

/** The picture as SVG. */
export function drawReadmePicture(): string {
  const width = 2 * PANEL_WIDTH + PANEL_GAP;
  const height = PANEL_HEIGHT + 56;
  const shared: Fill = () => WORKLOADS.map(({ color }) => color);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -6 ${width + 20} ${height}" width="${width + 20}" height="${height}" role="img">
<title>The CPUs of a node: before, every pod runs on every CPU; after, the pods with claims have CPUs of their own.</title>
<style>${STYLE}</style>
${rect([-10, -6, width + 20, height], 'class="background"')}
${drawPanel(MACHINE, 0, 'Before: all pods on all CPUs', shared)}
${drawPanel(MACHINE, PANEL_WIDTH + PANEL_GAP, 'After: exclusive CPUs for claims', placeWorkloads(MACHINE))}
${drawLegend(PANEL_HEIGHT + 12)}
</svg>
`;
}
