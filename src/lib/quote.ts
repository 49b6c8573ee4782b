import { beginningOf } from './shorten.ts';

/** What a message repeats of a value from outside: enough to recognize it, in characters. */
const QUOTED_LENGTH_MAX = 256;

/** Deeper than this a value is shown as "...". */
const DEPTH_MAX = 4;

/** So many names are listed in one message. */
const NAMES_MAX = 20;

/** A text as JSON writes it; of a long one the beginning, and its length behind the quotes. */
function quoteText(text: string): string {
  if (text.length <= QUOTED_LENGTH_MAX) return JSON.stringify(text);
  return `${JSON.stringify(`${beginningOf(text, QUOTED_LENGTH_MAX)}...`)} (${text.length} characters)`;
}

/** Writes the beginning of a value's JSON; what it costs is bounded by what it may write, however large the value is. */
class BoundedWriter {
  #text = '';

  get text(): string {
    return this.isFull ? `${this.#text.slice(0, QUOTED_LENGTH_MAX)}... (shortened)` : this.#text;
  }

  get isFull(): boolean {
    return this.#text.length > QUOTED_LENGTH_MAX;
  }

  write(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#text += JSON.stringify(value.slice(0, QUOTED_LENGTH_MAX));
    else if (typeof value !== 'object' || value === null) this.#text += String(value);
    else if (depth === 0) this.#text += '...';
    else if (Array.isArray(value)) this.#writeItems(value, depth);
    else this.#writeFields(value as Readonly<Record<string, unknown>>, depth);
  }

  #writeItems(items: readonly unknown[], depth: number): void {
    this.#text += '[';
    for (const [index, item] of items.entries()) {
      if (this.isFull) return;
      if (index > 0) this.#text += ',';
      this.write(item, depth - 1);
    }
    this.#text += ']';
  }

  #writeFields(fields: Readonly<Record<string, unknown>>, depth: number): void {
    this.#text += '{';
    let isFirst = true;
    for (const key in fields) {
      if (this.isFull) return;
      this.#text += isFirst ? '' : ',';
      isFirst = false;
      this.write(key, depth);
      this.#text += ':';
      this.write(fields[key], depth - 1);
    }
    this.#text += '}';
  }
}

/**
 * A value from outside as messages repeat it: its JSON, of which a large one shows the beginning alone. Never throws, and costs no
 * more for a value of a megabyte or of ten thousand levels than for a small one.
 * @param absent what to write for a value that is not there.
 * @example quote('x'.repeat(1_000)) // '"xxx..." (1000 characters)'
 */
export function quote(value: unknown, absent = 'missing'): string {
  if (value === undefined) return absent;
  if (typeof value === 'string') return quoteText(value);
  const writer = new BoundedWriter();
  writer.write(value, DEPTH_MAX);
  return writer.text;
}

/** Names in quotes with commas between them; of many the first twenty, and how many more there are. */
export function quoteNames(names: Iterable<string>): string {
  const all = [...names];
  const shown = all.slice(0, NAMES_MAX).map(quoteText).join(', ');
  return all.length <= NAMES_MAX ? shown : `${shown} and ${all.length - NAMES_MAX} more`;
}
