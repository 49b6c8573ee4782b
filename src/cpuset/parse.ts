import { CPU_ID_MAX, CpuSet } from './cpu-set.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';

/** What is wrong with a CPU list or mask. */
export type CpuListErrorCode = 'EmptyItem' | 'Spaces' | 'Stride' | 'NotANumber' | 'ReversedRange' | 'Overflow';

/** A text that is no Linux CPU list or mask. The message quotes the text and the item that is wrong. */
export class CpuListError extends CodedError<CpuListErrorCode> {
  override readonly name = 'CpuListError';
}

type Fail = (code: CpuListErrorCode, why: string) => never;

/** Says what is wrong with an item that is neither an id nor a range. */
function refuseItem(item: string, fail: Fail): never {
  if (item === '') fail('EmptyItem', 'has an empty item; want ids and ranges between single commas');
  if (/\s/.test(item)) fail('Spaces', `has a space in ${quote(item)}; want none`);
  if (/[:/]/.test(item)) fail('Stride', `has a stride in ${quote(item)}; want plain ranges such as "0-3"`);
  return fail('NotANumber', `has ${quote(item)}; want an id such as "4" or a range such as "0-3"`);
}

/** One item of a list as [first, last]. */
function parseItem(item: string, fail: Fail): [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(item);
  if (!match) return refuseItem(item, fail);
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  if (first > CPU_ID_MAX || last > CPU_ID_MAX) {
    fail('Overflow', `has ${quote(item)}; the highest CPU id is ${CPU_ID_MAX}`);
  }
  if (last < first) fail('ReversedRange', `has the reversed range ${quote(item)}; want the lower id first`);
  return [first, last];
}

/** Sets the bits `first` to `last`, a word at a time: a list may have thousands of wide ranges. */
function setBits(words: Uint32Array, first: number, last: number): void {
  const [firstWord, lastWord] = [first >>> 5, last >>> 5];
  for (let w = firstWord; w <= lastWord; w += 1) {
    const from = w === firstWord ? first & 31 : 0;
    const to = w === lastWord ? last & 31 : 31;
    words[w] = (words[w] ?? 0) | ((0xffffffff << from) & (0xffffffff >>> (31 - to)));
  }
}

/**
 * Reads a Linux CPU list ("0-3,8"): what the kernel prints and every tool accepts. One trailing newline is allowed (sysfs
 * ends every file with one) and "" is the empty set. Order and repetition do not matter. Spaces, strides ("0-7:1/2",
 * which the kernel itself reads), empty items and reversed ranges are errors: a driver that guesses pins wrongly.
 * @throws CpuListError naming the text and the item.
 * @example parseCpuList('0-2,8').toArray() // [0, 1, 2, 8]
 */
export function parseCpuList(text: string): CpuSet {
  const list = text.replace(/\n$/, '');
  if (list === '') return CpuSet.empty;
  const fail = (code: CpuListErrorCode, why: string): never => {
    throw new CpuListError(code, `Cannot read the CPU list ${quote(list)}: it ${why}`);
  };
  const ranges = list.split(',').map((item) => parseItem(item, fail));
  let highest = 0;
  for (const [, last] of ranges) highest = Math.max(highest, last);
  const words = new Uint32Array((highest >>> 5) + 1);
  for (const [first, last] of ranges) setBits(words, first, last);
  return CpuSet.fromWords(words);
}

/** The CPUs of a value from elsewhere that should be a Linux CPU list; undefined when it is none. */
export function tryParseCpuList(value: unknown): CpuSet | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return parseCpuList(value);
  } catch (error) {
    if (error instanceof CpuListError) return undefined;
    throw error;
  }
}

/**
 * Reads a Linux CPU mask ("ff,ffffffff"): hexadecimal 32-bit words, highest first, as in `shared_cpu_map`. Words may be
 * written without leading zeros. One trailing newline is allowed.
 * @throws CpuListError naming the text and the word.
 */
export function parseCpuMask(text: string): CpuSet {
  const mask = text.replace(/\n$/, '');
  const fail = (code: CpuListErrorCode, why: string): never => {
    throw new CpuListError(code, `Cannot read the CPU mask ${quote(mask)}: it ${why}`);
  };
  const items = mask.split(',').reverse();
  const words = new Uint32Array(items.length);
  for (const [index, item] of items.entries()) {
    if (item === '') fail('EmptyItem', 'has an empty word; want hexadecimal words between single commas');
    if (/\s/.test(item)) fail('Spaces', `has a space in ${quote(item)}; want none`);
    if (!/^[0-9a-fA-F]{1,8}$/.test(item)) {
      fail('NotANumber', `has ${quote(item)}; want up to eight hexadecimal digits`);
    }
    words[index] = Number.parseInt(item, 16);
  }
  const set = CpuSet.fromWords(words);
  if ((set.last ?? 0) > CPU_ID_MAX) fail('Overflow', `has CPU ${set.last}; the highest CPU id is ${CPU_ID_MAX}`);
  return set;
}
