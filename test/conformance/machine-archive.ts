import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { MemoryTree } from '../../src/sysfs/testing/memory-sysfs.ts';

const BLOCK_BYTES = 512;

/** One header of a tar archive (POSIX.1-1988 ustar, GNU). */
interface TarHeader {
  readonly name: string;
  readonly type: string;
  readonly linkTarget: string;
  readonly sizeBytes: number;
}

function readHeader(block: Buffer): TarHeader {
  const text = (from: number, length: number) => block.toString('latin1', from, from + length).replace(/\0.*$/s, '');
  const prefix = text(257, 6).startsWith('ustar\0') || text(257, 6) === 'ustar' ? text(345, 155) : '';
  return {
    name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    type: text(156, 1) || '0',
    linkTarget: text(157, 100),
    sizeBytes: Number.parseInt(text(124, 12).trim() || '0', 8),
  };
}

/** The `path` and `linkpath` of a POSIX.1-2001 extended header: records of "length key=value\n". */
function readExtended(body: string): ReadonlyMap<string, string> {
  return new Map([...body.matchAll(/\d+ (path|linkpath)=([^\n]*)\n/g)].map(([, key = '', value = '']) => [key, value]));
}

/** Unpacks a machine's sysfs from a .tar.gz into memory: files, and symbolic links unresolved. */
export function unpackMachine(archive: string): MemoryTree {
  const bytes = gunzipSync(readFileSync(archive));
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (let at = 0; at + BLOCK_BYTES <= bytes.length && bytes[at] !== 0; ) {
    const header = readHeader(bytes.subarray(at, at + BLOCK_BYTES));
    const body = bytes.toString('latin1', at + BLOCK_BYTES, at + BLOCK_BYTES + header.sizeBytes);
    at += BLOCK_BYTES + Math.ceil(header.sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    if (header.type === 'L') longName = body.replace(/\0+$/, '');
    else if (header.type === 'K') longTarget = body.replace(/\0+$/, '');
    else if (header.type === 'x') {
      longName = readExtended(body).get('path');
      longTarget = readExtended(body).get('linkpath');
    } else {
      const path = (longName ?? header.name).replace(/^\.\//, '');
      if (header.type === '0') files.set(path, body);
      if (header.type === '2') links.set(path, longTarget ?? header.linkTarget);
      longName = undefined;
      longTarget = undefined;
    }
  }
  return { files, links };
}

/** The JSON of a file whose form the caller states. */
export function readJsonFile(path: string) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
