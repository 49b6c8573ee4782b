/** A rectangle placed relative to its parent, with what is in it. Lengths are in px. */
export interface Box<Content> {
  readonly content: Content;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly children: readonly Box<Content>[];
}

/** A rectangle before it is placed: leaves have a size, others grow around their children. */
export interface Shape<Content> {
  readonly content: Content;
  /** Of a leaf; the least size of others. */
  readonly width: number;
  readonly height: number;
  /** Room above the children, for a label. */
  readonly header: number;
  readonly children: readonly Shape<Content>[];
}

/** How much wider than high a group of boxes should be. */
const ASPECT = 1.7;

/** How much worse a grid is for each empty place per box, against the logarithm of its form. */
const EMPTY_PENALTY = 6;

/** Px between neighbouring boxes and around them. */
const GAP = 5;

/** Places boxes in rows of `columns`, each row as high and each column as wide as its largest box needs. */
function placeGrid<Content>(children: readonly Box<Content>[], columns: number, top: number) {
  const rows = Math.ceil(children.length / columns);
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...children.filter((_, i) => i % columns === column).map(({ width }) => width)),
  );
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(0, ...children.slice(row * columns, (row + 1) * columns).map(({ height }) => height)),
  );
  const startOf = (lengths: readonly number[], index: number) =>
    GAP + lengths.slice(0, index).reduce((sum, length) => sum + length + GAP, 0);
  const placed = children.map((child, i) => ({
    ...child,
    x: startOf(widths, i % columns),
    y: top + startOf(heights, Math.floor(i / columns)),
  }));
  const emptyCells = rows * columns - children.length;
  return { placed, width: startOf(widths, columns), height: top + startOf(heights, rows), emptyCells };
}

/** Places a shape's children in a grid that comes nearest to the wanted form and is nearly full. */
export function layOut<Content>(shape: Shape<Content>): Box<Content> {
  const { content, header } = shape;
  if (shape.children.length === 0) {
    return { content, x: 0, y: 0, width: shape.width, height: shape.height, children: [] };
  }
  const children = shape.children.map(layOut);
  const grids = children.map((_, i) => placeGrid(children, i + 1, header));
  const badness = ({ width, height, emptyCells }: (typeof grids)[number]) =>
    Math.abs(Math.log(width / height / ASPECT)) + (EMPTY_PENALTY * emptyCells) / children.length;
  const best = grids.reduce((a, b) => (badness(b) < badness(a) ? b : a));
  return {
    content,
    x: 0,
    y: 0,
    width: Math.max(best.width, shape.width),
    height: Math.max(best.height, shape.height),
    children: best.placed,
  };
}
