import { constants, open } from 'node:fs/promises';
import { CodedError } from './coded-error.ts';

/** Why a file is not read. */
export type FileRefusal = 'NotARegularFile' | 'TooLarge' | 'Changed';

/** A file that is there and is not one to read: the message says what it is instead. */
export class FileRefusedError extends CodedError<FileRefusal> {
  override readonly name = 'FileRefusedError';
}

/**
 * Reads a small text file of a directory that other programs write to. Links are not followed, and a FIFO or a device is not
 * waited for (open(2): O_NOFOLLOW, O_NONBLOCK).
 * @param lengthMaxBytes a longer file is refused before it is read.
 * @throws FileRefusedError; the system's error otherwise, such as ENOENT.
 */
export async function readRegularFile(path: string, lengthMaxBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(refuseLink);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new FileRefusedError('NotARegularFile', 'it is not a regular file');
    if (stat.size > lengthMaxBytes) throw new FileRefusedError('TooLarge', `it has more than ${lengthMaxBytes} bytes`);
    const buffer = Buffer.allocUnsafe(stat.size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      ({ bytesRead: read } = await file.read(buffer, length, buffer.length - length, length));
    }
    if (length > stat.size) throw new FileRefusedError('Changed', 'it grew while it was read');
    return buffer.toString('utf8', 0, length);
  } finally {
    await file.close();
  }
}

/** ELOOP: the last part of the path is a symbolic link. ENXIO: a socket. */
function refuseLink(error: NodeJS.ErrnoException): never {
  if (error.code === 'ELOOP') throw new FileRefusedError('NotARegularFile', 'it is a symbolic link', { cause: error });
  if (error.code === 'ENXIO') throw new FileRefusedError('NotARegularFile', 'it is a socket', { cause: error });
  throw error;
}
