/** Tar archives (POSIX ustar) that are the same bytes whenever their content is: sorted, owned by root, without times. */

/** What stands at a path. */
export type TarEntry =
  | { readonly kind: 'file'; readonly content: Uint8Array; readonly mode: number }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'hardLink' | 'symbolicLink'; readonly target: string };

const BLOCK_BYTES = 512;
const TYPES = { file: '0', hardLink: '1', symbolicLink: '2', directory: '5' } as const;
/** Length of the name field; longer paths would need an extension that nothing here has use for. */
const NAME_BYTES_MAX = 100;

/** A number as tar has it: octal digits and a NUL. */
function octal(value: number, lengthBytes: number): string {
  return `${value.toString(8).padStart(lengthBytes - 1, '0')}\0`;
}

function writeHeader(path: string, entry: TarEntry): Buffer {
  const name = entry.kind === 'directory' ? `${path}/` : path;
  const target = 'target' in entry ? entry.target : '';
  for (const text of [name, target]) {
    if (Buffer.byteLength(text) > NAME_BYTES_MAX) throw new RangeError(`Cannot archive "${text}": over 100 bytes`);
  }
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0);
  header.write(octal('mode' in entry ? entry.mode : 0o777, 8), 100);
  header.write(octal(0, 8), 108); // owner
  header.write(octal(0, 8), 116); // group
  header.write(octal(entry.kind === 'file' ? entry.content.length : 0, 12), 124);
  header.write(octal(0, 12), 136); // time
  header.write('        ', 148); // checksum, counted as blanks
  header.write(TYPES[entry.kind], 156);
  header.write(target, 157);
  header.write('ustar\x0000', 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** The directories above a path, outermost first. */
function listParents(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Links come last among files, since a hard link's target must be there when it is unpacked. */
const order = (entry: TarEntry) => (entry.kind === 'hardLink' ? 1 : 0);

/** An archive of entries by path (without a leading slash); directories above them are added. */
export function writeTar(entries: ReadonlyMap<string, TarEntry>): Buffer {
  const all = new Map(entries);
  for (const path of entries.keys()) {
    for (const parent of listParents(path)) if (!all.has(parent)) all.set(parent, { kind: 'directory', mode: 0o755 });
  }
  const sorted = [...all].sort(([a, left], [b, right]) => order(left) - order(right) || (a < b ? -1 : 1));
  const blocks = sorted.flatMap(([path, entry]) => {
    if (entry.kind !== 'file') return [writeHeader(path, entry)];
    const padding = Buffer.alloc((BLOCK_BYTES - (entry.content.length % BLOCK_BYTES)) % BLOCK_BYTES);
    return [writeHeader(path, entry), entry.content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** The content of one file of an archive. */
export function readTarFile(tar: Buffer, wanted: string): Buffer {
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const name = tar.toString('utf8', at, at + NAME_BYTES_MAX).replace(/\0.*$/s, '');
    const sizeBytes = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8) || 0;
    const start = at + BLOCK_BYTES;
    if (name === wanted) return tar.subarray(start, start + sizeBytes);
    at = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new RangeError(`Cannot read "${wanted}" from the archive: it is not there`);
}
