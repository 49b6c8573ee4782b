import { invariant } from '../lib/invariant.ts';

/** CPU ids are whole numbers from 0 to this one. Linux's largest configurable NR_CPUS is 8192 (arch/x86/Kconfig, 6.18). */
export const CPU_ID_MAX = 65_535;

const WORD_BITS = 32;

/** Number of set bits in a 32-bit word. */
function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * An immutable set of CPU ids, kept as a bit set.
 *
 * Word `w` holds CPUs `32 w` to `32 w + 31`, lowest in bit 0; the last word is never 0, so that equal sets have equal
 * words. Iteration is in ascending order.
 */
export class CpuSet implements Iterable<number> {
  static readonly empty = new CpuSet(new Uint32Array(0));

  /** An ordinary property, because deep comparison (`assert.deepEqual`) takes all objects with only #private ones for equal. */
  private readonly words: Uint32Array;
  #size: number | undefined;
  #text: string | undefined;

  private constructor(words: Uint32Array) {
    this.words = words;
  }

  /** The set of the given ids; duplicates count once. */
  static of(...cpus: number[]): CpuSet {
    return CpuSet.from(cpus);
  }

  /** The set of the given ids; duplicates count once. */
  static from(cpus: Iterable<number>): CpuSet {
    const ids = [...cpus];
    let highest = -1;
    for (const cpu of ids) {
      invariant(Number.isInteger(cpu) && cpu >= 0 && cpu <= CPU_ID_MAX, `a CPU id is 0 to ${CPU_ID_MAX}, got ${cpu}`);
      if (cpu > highest) highest = cpu;
    }
    const words = new Uint32Array(Math.floor(highest / WORD_BITS) + 1);
    for (const cpu of ids) words[cpu >>> 5] = (words[cpu >>> 5] ?? 0) | (1 << (cpu & 31));
    return new CpuSet(words);
  }

  /** All ids from `first` to `last`, both included. */
  static range(first: number, last: number): CpuSet {
    return CpuSet.from(Array.from({ length: last - first + 1 }, (_, index) => first + index));
  }

  /** The set whose bits are `words` (copied), laid out as the class says; trailing zero words are allowed. */
  static fromWords(words: Uint32Array): CpuSet {
    let length = words.length;
    while (length > 0 && words[length - 1] === 0) length -= 1;
    return length === 0 ? CpuSet.empty : new CpuSet(words.slice(0, length));
  }

  /** The union of many sets. */
  static unionOf(sets: Iterable<CpuSet>): CpuSet {
    const all = [...sets];
    const words = new Uint32Array(Math.max(0, ...all.map((set) => set.words.length)));
    for (const set of all) {
      for (let w = 0; w < set.words.length; w += 1) words[w] = (words[w] ?? 0) | (set.words[w] ?? 0);
    }
    return CpuSet.fromWords(words);
  }

  /** How many CPUs. */
  get size(): number {
    if (this.#size === undefined) {
      let size = 0;
      for (const word of this.words) size += countBits(word);
      this.#size = size;
    }
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.words.length === 0;
  }

  /** The lowest id, or undefined of the empty set. */
  get first(): number | undefined {
    for (const cpu of this) return cpu;
    return undefined;
  }

  /** The highest id, or undefined of the empty set. */
  get last(): number | undefined {
    const word = this.words[this.words.length - 1];
    return word === undefined ? undefined : this.words.length * WORD_BITS - 1 - Math.clz32(word);
  }

  /** False for whatever is no CPU id. */
  has(cpu: number): boolean {
    return cpu >>> 0 === cpu && ((this.words[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0;
  }

  union(other: CpuSet): CpuSet {
    return CpuSet.unionOf([this, other]);
  }

  intersection(other: CpuSet): CpuSet {
    const words = new Uint32Array(Math.min(this.words.length, other.words.length));
    for (let w = 0; w < words.length; w += 1) words[w] = (this.words[w] ?? 0) & (other.words[w] ?? 0);
    return CpuSet.fromWords(words);
  }

  difference(other: CpuSet): CpuSet {
    const words = new Uint32Array(this.words.length);
    for (let w = 0; w < words.length; w += 1) words[w] = (this.words[w] ?? 0) & ~(other.words[w] ?? 0);
    return CpuSet.fromWords(words);
  }

  intersects(other: CpuSet): boolean {
    return this.words.some((word, w) => (word & (other.words[w] ?? 0)) !== 0);
  }

  isSubsetOf(other: CpuSet): boolean {
    return this.words.every((word, w) => (word & ~(other.words[w] ?? 0)) === 0);
  }

  equals(other: CpuSet): boolean {
    return this.words.length === other.words.length && this.words.every((word, w) => word === other.words[w]);
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let w = 0; w < this.words.length; w += 1) {
      let word = this.words[w] ?? 0;
      while (word !== 0) {
        yield w * WORD_BITS + 31 - Math.clz32(word & -word);
        word &= word - 1;
      }
    }
  }

  /** The ids in ascending order. */
  toArray(): number[] {
    return [...this];
  }

  /** A copy of the bits, laid out as the class says, for loops that cannot afford an object per CPU. */
  toWords(): Uint32Array {
    return this.words.slice();
  }

  /** The Linux cpu list, the way the kernel prints it: "0-3,8"; "" for the empty set. */
  toString(): string {
    this.#text ??= this.#format();
    return this.#text;
  }

  #format(): string {
    const parts: string[] = [];
    let start = -1;
    let previous = -2;
    const close = () => {
      if (start >= 0) parts.push(start === previous ? `${start}` : `${start}-${previous}`);
    };
    for (const cpu of this) {
      if (cpu !== previous + 1) {
        close();
        start = cpu;
      }
      previous = cpu;
    }
    close();
    return parts.join(',');
  }

  /** The Linux cpu mask: 32-bit words in hexadecimal, highest first, "ff,ffffffff"; "00000000" for the empty set. */
  toMask(): string {
    if (this.isEmpty) return '00000000';
    return Array.from(this.words, (word) => word.toString(16).padStart(8, '0'))
      .reverse()
      .join(',');
  }

  toJSON(): string {
    return this.toString();
  }
}
