import { CodedError } from '../../lib/coded-error.ts';
import { gzipSync } from 'node:zlib';
import { quote } from '../../lib/quote.ts';

/** A file of an archive. */
export interface ArchiveFile {
  /** Relative path, at most 100 bytes. */
  readonly name: string;
  readonly text: string;
}

/** Everything in a tar archive comes in blocks of this size (POSIX.1-1988 ustar). */
const BLOCK_BYTES = 512;
/** Where in a header each field stands, and the longest name. */
const FIELDS = { mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148, type: 156, magic: 257 } as const;
const NAME_LENGTH_MAX_BYTES = 100;
const FILE_MODE = 0o600;
const MS_PER_S = 1_000;

/** A name that no ustar header can hold. */
class ArchiveError extends CodedError<'NameTooLong'> {
  override readonly name = 'ArchiveError';
}

function createHeader(name: string, sizeBytes: number, modifiedSeconds: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  if (header.write(name) > NAME_LENGTH_MAX_BYTES) {
    throw new ArchiveError(
      'NameTooLong',
      `Cannot archive ${quote(name)}: a name may have ${NAME_LENGTH_MAX_BYTES} bytes`,
    );
  }
  // Numbers are octal text of seven or eleven digits, ended by a NUL.
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  header.write(octal(FILE_MODE, 7), FIELDS.mode);
  header.write(octal(0, 7), FIELDS.uid);
  header.write(octal(0, 7), FIELDS.gid);
  header.write(octal(sizeBytes, 11), FIELDS.size);
  header.write(octal(modifiedSeconds, 11), FIELDS.mtime);
  header.write('0', FIELDS.type);
  header.write('ustar\x0000', FIELDS.magic);
  // The checksum is the sum of all bytes of the header with spaces in its own place.
  header.fill(' ', FIELDS.checksum, FIELDS.checksum + 8);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, FIELDS.checksum);
  return header;
}

/**
 * A compressed tar archive of text files, in their order.
 * @throws ArchiveError when a name is too long.
 */
export function createArchive(files: readonly ArchiveFile[], modified: Date): Buffer {
  const seconds = Math.floor(modified.getTime() / MS_PER_S);
  const blocks = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK_BYTES - (body.length % BLOCK_BYTES)) % BLOCK_BYTES);
    return [createHeader(name, body.length, seconds), body, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]));
}
