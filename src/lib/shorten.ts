import { countOf } from './count.ts';

/** The first `length` characters of a text, and none of them half: a pair of surrogates is one character. */
export function beginningOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const isSplit = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isSplit ? length - 1 : length);
}

/**
 * A text of another program as a message may repeat it: whole up to `lengthMax` characters, otherwise its beginning and how long it is.
 * @example shorten('x'.repeat(5_000), 10) // 'xxxxxxxxxx... (5000 characters)'
 */
export function shorten(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${beginningOf(text, lengthMax)}... (${countOf(text.length, 'character')})`;
}

const ELLIPSIS = '...';

/** A text in at most `bytesMax` bytes of UTF-8, as fields of the Kubernetes API are measured; one that is cut ends with "...". */
export function shortenToBytes(text: string, bytesMax: number): string {
  // A character of UTF-16 is at most three bytes of UTF-8, so that short texts need no look.
  if (text.length * 3 <= bytesMax) return text;
  const encoder = new TextEncoder();
  const { read } = encoder.encodeInto(text, new Uint8Array(bytesMax));
  if (read === text.length) return text;
  const room = encoder.encodeInto(text, new Uint8Array(Math.max(0, bytesMax - ELLIPSIS.length)));
  return `${text.slice(0, room.read)}${ELLIPSIS}`;
}
