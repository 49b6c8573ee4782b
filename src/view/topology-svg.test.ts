import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property } from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { randomMachine } from '../topology/testing/random-machine.ts';
import { drawTopology } from './topology-svg.ts';

/** A box of the picture in its coordinates. */
interface Box {
  readonly className: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly children: Box[];
}

/** The boxes of a picture: groups with a transform whose first child that is a rectangle is their border. */
function readBoxes(svg: string): Box {
  const root: Box = { className: 'root', left: 0, top: 0, right: 0, bottom: 0, children: [] };
  const open: { box: Box; x: number; y: number }[] = [{ box: root, x: 0, y: 0 }];
  for (const [tag, className, x, y, width, height] of svg.matchAll(
    /<g class="([^"]*)"[^>]* transform="translate\((\S+) (\S+)\)">(?:<title>[^<]*<\/title>)?(?:<rect width="([\d.]+)" height="([\d.]+)")?|<\/g>/g,
  )) {
    const parent = open.at(-1);
    assert.ok(parent);
    if (tag === '</g>') {
      open.pop();
      continue;
    }
    const [left, top] = [parent.x + Number(x), parent.y + Number(y)];
    const box = {
      className: className ?? '',
      left,
      top,
      right: left + Number(width),
      bottom: top + Number(height),
      children: [],
    };
    // A block without a border counts as part of its parent.
    if (width !== undefined) parent.box.children.push(box);
    open.push({ box: width === undefined ? parent.box : box, x: left, y: top });
  }
  return root;
}

const slack = 0.11;

function assertBoxes({ className, left, top, right, bottom, children }: Box): void {
  for (const [i, child] of children.entries()) {
    if (className !== 'root') {
      assert.ok(child.left >= left && child.top >= top, `${child.className} sticks out of ${className}`);
      assert.ok(
        child.right <= right + slack && child.bottom <= bottom + slack,
        `${child.className} sticks out of ${className}`,
      );
    }
    for (const other of children.slice(i + 1)) {
      const isApart =
        child.right <= other.left + slack ||
        other.right <= child.left + slack ||
        child.bottom <= other.top + slack ||
        other.bottom <= child.top + slack;
      assert.ok(isApart, `two boxes of ${className} overlap`);
    }
    assertBoxes(child);
  }
}

test('drawTopology draws every CPU of any machine once, boxes inside their parents and beside each other', () => {
  assertProperty(
    property(randomMachine, (topology) => {
      const svg = drawTopology(topology);
      const numbers = [...svg.matchAll(/<g class="thread[^>]*>.*?<text [^>]*>(\d+)<\/text>/g)].map(([, cpu]) =>
        Number(cpu),
      );
      assert.deepEqual(
        numbers.sort((a, b) => a - b),
        topology.online.toArray(),
      );
      assertBoxes(readBoxes(svg));
    }),
    { numRuns: 25 },
  );
});

test('drawTopology keeps 2 CPUs small and 512 CPUs on one page', () => {
  const sizeOf = (machine: string) => {
    const [, width, height] =
      /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(drawTopology(parseSynthetic(machine))) ?? [];
    return { width: Number(width), height: Number(height) };
  };
  const [small, large] = [sizeOf('core:1 pu:2'), sizeOf('pack:2 numa:4 l3:4 core:8 pu:2')];
  assert.ok(small.width < 600 && small.height < 250, JSON.stringify(small));
  assert.ok(large.width < 1600 && large.height < 1100, JSON.stringify(large));
});

test('drawTopology marks isolated CPUs and colours the CPUs of owners, whose names it escapes', () => {
  const topology = { ...parseSynthetic('core:4'), isolated: CpuSet.of(3) };
  const svg = drawTopology(topology, { owners: [{ name: 'a<b>&"c"', cpus: CpuSet.of(1) }] });
  assert.match(svg, /<g class="thread isolated"[^>]*><title>CPU 3, core 3, standard, isolated<\/title>/);
  assert.match(
    svg,
    /<title>CPU 1, core 1, standard, a&lt;b&gt;&amp;&quot;c&quot;<\/title><rect [^>]*style="fill:#56b4e9"/,
  );
  assert.doesNotMatch(svg, /a<b>/);
});

test('drawTopology notes offline CPUs, PCIe roots and problems under the picture', () => {
  const topology = {
    ...parseSynthetic('numa:2 core:1'),
    offline: CpuSet.of(9),
    problems: [{ path: '/sys/a', message: 'is wrong' }],
  };
  const svg = drawTopology(topology);
  for (const note of ['offline: CPUs 9', 'PCIe roots of NUMA node 1: pci0000:10', '1 problem found while reading']) {
    assert.ok(svg.includes(`>${note}</text>`), note);
  }
});
