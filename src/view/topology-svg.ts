import type { Core, CpuTopology } from '../topology/topology.ts';
import {
  type CachePicture,
  type CpuOwner,
  formatCount,
  formatSize,
  type MachinePicture,
  type NodePicture,
  pictureMachine,
  type SocketPicture,
  summarizeMachine,
} from './machine-picture.ts';
import { type Box, layOut, type Shape } from './svg-layout.ts';

/** What to draw beside the machine itself. */
export interface SvgOptions {
  readonly owners?: readonly CpuOwner[];
}

/** How one box is drawn. */
interface Drawn {
  readonly className: string;
  readonly label: string;
  /** Shown by browsers when the pointer rests on the box. */
  readonly tooltip: string;
  readonly fill?: string;
  /** The CPU that a thread's box stands for. */
  readonly cpu?: number;
}

/** What holds others together without being seen. */
const BLOCK: Drawn = { className: 'block', label: '', tooltip: '' };

const LABEL_HEIGHT = 16;
const CHARACTER_WIDTH = 6.7;
const TITLE_CHARACTER_WIDTH = 9.6;
const THREAD = { width: 27, height: 15 } as const;
const MARGIN = 12;

/** Colours of owners in turn, told apart also by most people who do not see all colours (Okabe and Ito). */
const OWNER_COLOURS = ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#f0e442', '#d55e00', '#0072b2'] as const;

const STYLE = `
  text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #1f2933; }
  .title { font-size: 15px; font-weight: 600; }
  .note { fill: #52606d; }
  .thread text { font-size: 9.5px; text-anchor: middle; }
  rect { stroke-width: 1; rx: 3px; }
  .socket > rect { fill: #eef2f6; stroke: #7b8794; }
  .node > rect { fill: #dfe8f1; stroke: #9fb3c8; }
  .cache > rect { fill: #fbfcfd; stroke: #9fb3c8; }
  .shared > rect { stroke-dasharray: 4 3; }
  .core > rect { fill: #d9e2ec; stroke: #9aa5b1; }
  .e-core > rect { fill: #c6e9d4; stroke: #6fae8b; }
  .p-core > rect { fill: #cfdcf5; stroke: #7f9bd1; }
  .thread > rect { fill: #ffffff; stroke: #cbd2d9; }
  .isolated > rect { stroke: #b44d12; stroke-width: 2; }
  .memory > rect { fill: #f7f1e3; stroke: #c8ad7f; }
`;

/** Text as it stands in HTML and XML. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Owners by CPU, with the colour of each. */
type OwnerOfCpu = ReadonlyMap<number, { readonly name: string; readonly colour: string }>;

function colourOf(index: number): string {
  return OWNER_COLOURS[index % OWNER_COLOURS.length] ?? OWNER_COLOURS[0];
}

function mapOwners(owners: readonly CpuOwner[]): OwnerOfCpu {
  return new Map(
    owners.flatMap(({ name, cpus }, i) => cpus.toArray().map((cpu) => [cpu, { name, colour: colourOf(i) }] as const)),
  );
}

function shapeCore(picture: MachinePicture, core: Core, ownerOf: OwnerOfCpu): Shape<Drawn> {
  const type = picture.typeOf(core);
  const { isolated } = picture.topology;
  const threads = core.cpus.toArray().map((cpu): Shape<Drawn> => {
    const owner = ownerOf.get(cpu);
    const states = [isolated.has(cpu) ? ', isolated' : '', owner ? `, ${owner.name}` : ''].join('');
    const content = {
      className: isolated.has(cpu) ? 'thread isolated' : 'thread',
      label: `${cpu}`,
      tooltip: `CPU ${cpu}, core ${core.core}, ${type}${states}`,
      cpu,
      ...(owner && { fill: owner.colour }),
    };
    return { content, ...THREAD, header: 0, children: [] };
  });
  return {
    content: { className: `core ${type}`, label: '', tooltip: `core ${core.core}: CPUs ${core.cpus}, ${type}` },
    width: 0,
    height: 0,
    header: 0,
    children: threads,
  };
}

function shapeBlock(children: readonly Shape<Drawn>[]): Shape<Drawn> {
  return { content: BLOCK, width: 0, height: 0, header: 0, children };
}

/** Cores of one type after those of another, in blocks without a border: P-cores are wider, and would part the E-cores. */
function shapeCores(picture: MachinePicture, cores: readonly Core[], ownerOf: OwnerOfCpu): Shape<Drawn>[] {
  const blocks = [...Map.groupBy(cores, picture.typeOf).values()];
  const shapes = blocks.map((block) => block.map((core) => shapeCore(picture, core, ownerOf)));
  if (shapes.length < 2) return shapes.flat();
  return shapes.map(shapeBlock);
}

/** A box with a label above its children, at least as wide as the label. */
function shapeGroup(content: Drawn, children: readonly Shape<Drawn>[]): Shape<Drawn> {
  return { content, width: content.label.length * CHARACTER_WIDTH + 14, height: 0, header: LABEL_HEIGHT, children };
}

function shapeCache(picture: MachinePicture, cache: CachePicture, ownerOf: OwnerOfCpu): Shape<Drawn> {
  const { l3Cache, isShared } = cache;
  const size = l3Cache?.sizeKiB === undefined ? '' : ` (${formatSize(l3Cache.sizeKiB)})`;
  const label = l3Cache ? `L3 ${l3Cache.l3Cache}${size}` : 'no L3';
  const tooltip = l3Cache ? `${label}: CPUs ${l3Cache.cpus}` : 'these cores share no level 3 cache';
  return shapeGroup(
    { className: isShared ? 'cache shared' : 'cache', label: isShared ? `${label}, shared` : label, tooltip },
    shapeCores(picture, cache.cores, ownerOf),
  );
}

function shapeNode(picture: MachinePicture, { node, caches }: NodePicture, ownerOf: OwnerOfCpu): Shape<Drawn> {
  const label = `NUMA node ${node.numaNode}`;
  return shapeGroup(
    { className: 'node', label, tooltip: `${label}: CPUs ${node.cpus}` },
    caches.map((cache) => shapeCache(picture, cache, ownerOf)),
  );
}

function shapeSocket(picture: MachinePicture, { socket, nodes }: SocketPicture, ownerOf: OwnerOfCpu): Shape<Drawn> {
  const label = `Socket ${socket.socket}`;
  return shapeGroup(
    { className: 'socket', label, tooltip: `${label}: CPUs ${socket.cpus}` },
    nodes.map((node) => shapeNode(picture, node, ownerOf)),
  );
}

function shapeMachine(picture: MachinePicture, ownerOf: OwnerOfCpu): Shape<Drawn> {
  const memoryNodes = picture.memoryNodes.map(({ numaNode }) => {
    const label = `NUMA node ${numaNode}, no CPUs`;
    return { ...shapeGroup({ className: 'memory', label, tooltip: label }, []), height: LABEL_HEIGHT + 8 };
  });
  const sockets = picture.sockets.map((socket) => shapeSocket(picture, socket, ownerOf));
  return shapeBlock(memoryNodes.length === 0 ? sockets : [...sockets, shapeBlock(memoryNodes)]);
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}

function drawBox({ content, x, y, width, height, children }: Box<Drawn>): string {
  const { className, label, tooltip, fill, cpu } = content;
  const isThread = className.startsWith('thread');
  const [textX, textY] = isThread ? [width / 2, height - 4] : [6, 13];
  const parts = [
    tooltip === '' ? '' : `<title>${escapeText(tooltip)}</title>`,
    content === BLOCK
      ? ''
      : `<rect width="${round(width)}" height="${round(height)}"${fill ? ` style="fill:${fill}"` : ''}/>`,
    label === '' ? '' : `<text x="${round(textX)}" y="${round(textY)}">${escapeText(label)}</text>`,
    ...children.map(drawBox),
  ];
  const data = cpu === undefined ? '' : ` data-cpu="${cpu}"`;
  return `<g class="${className}"${data} transform="translate(${round(x)} ${round(y)})">${parts.join('')}</g>`;
}

/** The PCIe roots by their NUMA node. */
function listRoots({ pcieRoots }: CpuTopology): string[] {
  return [...Map.groupBy(pcieRoots, ({ numaNode }) => numaNode)].map(([node, roots]) => {
    const names = roots.map(({ pcieRoot }) => pcieRoot).join(', ');
    return `PCIe roots ${node === undefined ? 'near no single node' : `of NUMA node ${node}`}: ${names}`;
  });
}

/** Lines under the picture: what the colours of cores mean, states of CPUs, PCIe roots. */
function listNotes(topology: CpuTopology): string[] {
  const { cpus, offline, isolated, problems } = topology;
  return [
    cpus.some(({ coreType }) => coreType === 'e-core') ? 'P-cores blue, E-cores green' : '',
    ...listRoots(topology),
    offline.isEmpty ? '' : `offline: CPUs ${offline}`,
    isolated.isEmpty ? '' : `isolated (thick border): CPUs ${isolated}`,
    problems.length === 0 ? '' : `${formatCount(problems.length, 'problem')} found while reading`,
  ].filter((note) => note !== '');
}

function drawOwner({ name, cpus }: CpuOwner, index: number, y: number): string {
  const swatch = `<rect x="${MARGIN}" y="${y - 10}" width="12" height="12" style="fill:${colourOf(index)}"/>`;
  return `${swatch}<text x="${MARGIN + 18}" y="${y}">${escapeText(`${name}: CPUs ${cpus}`)}</text>`;
}

/** The machine alone as an SVG element, for pages that paint it themselves: every thread's box has a `data-cpu`. */
export function drawMachine(topology: CpuTopology): string {
  const machine = layOut(shapeMachine(pictureMachine(topology), new Map()));
  const [width, height] = [Math.ceil(machine.width), Math.ceil(machine.height)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<style>${STYLE}</style>${drawBox(machine)}</svg>`,
  ].join('');
}

/**
 * The topology as an SVG document: boxes for sockets, NUMA nodes, level 3 caches and cores, innermost the CPU numbers. Boxes
 * explain themselves when the pointer rests on them.
 */
export function drawTopology(topology: CpuTopology, { owners = [] }: SvgOptions = {}): string {
  const picture = pictureMachine(topology);
  const title = summarizeMachine(topology);
  const machine = layOut(shapeMachine(picture, mapOwners(owners)));
  const notes = listNotes(topology);
  const top = MARGIN + 24;
  const notesTop = top + machine.height + 14;
  const ownersTop = notesTop + notes.length * LABEL_HEIGHT;
  const height = Math.ceil(ownersTop + owners.length * LABEL_HEIGHT + MARGIN);
  const longest = Math.max(title.length * TITLE_CHARACTER_WIDTH, ...notes.map((note) => note.length * CHARACTER_WIDTH));
  const width = Math.ceil(Math.max(machine.width, longest) + 2 * MARGIN);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeText(title)}</title><style>${STYLE}</style>`,
    `<rect width="${width}" height="${height}" style="fill:#ffffff"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 14}">${escapeText(title)}</text>`,
    drawBox({ ...machine, x: MARGIN - 5, y: top }),
    ...notes.map(
      (note, i) => `<text class="note" x="${MARGIN}" y="${notesTop + i * LABEL_HEIGHT}">${escapeText(note)}</text>`,
    ),
    ...owners.map((owner, i) => drawOwner(owner, i, ownersTop + i * LABEL_HEIGHT)),
    '</svg>',
    '',
  ].join('\n');
}
