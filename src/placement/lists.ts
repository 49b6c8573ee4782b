/** Lists of numbers in one array: list `i` is `items[starts[i] .. starts[i + 1]]`. */
export interface Lists {
  readonly starts: Int32Array;
  readonly items: Int32Array;
}

/** Groups 0, 1, 2, ... by `groupOf`; members keep their order, those of a negative group are in none. */
export function groupBy(groupOf: ArrayLike<number>, groupCount: number): Lists {
  const starts = new Int32Array(groupCount + 1);
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group >= 0) starts[group + 1] = (starts[group + 1] ?? 0) + 1;
  }
  for (let group = 0; group < groupCount; group += 1)
    starts[group + 1] = (starts[group + 1] ?? 0) + (starts[group] ?? 0);
  const items = new Int32Array(starts[groupCount] ?? 0);
  const next = starts.slice();
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group < 0) continue;
    const at = next[group] ?? 0;
    items[at] = i;
    next[group] = at + 1;
  }
  return { starts, items };
}

/** The sum of the sizes of each group's members. */
export function sumSizes(groupOf: ArrayLike<number>, sizes: ArrayLike<number>, groupCount: number): Int32Array {
  const sums = new Int32Array(groupCount);
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group >= 0) sums[group] = (sums[group] ?? 0) + (sizes[i] ?? 0);
  }
  return sums;
}

/** Dense numbers for values, in ascending order. */
export function denseNumbers(values: Iterable<number>): Map<number, number> {
  return new Map([...new Set(values)].sort((a, b) => a - b).map((value, index) => [value, index]));
}

/** Numbers distinct keys in order of first appearance and remembers the first member of each. */
export class Numbering {
  readonly #numbers = new Map<string, number>();
  readonly firsts: number[] = [];

  numberOf(key: string, member: number): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.firsts.length;
      this.#numbers.set(key, number);
      this.firsts.push(member);
    }
    return number;
  }
}
