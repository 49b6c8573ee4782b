import { open } from 'node:fs/promises';

/** The kubelet's state has a line for each container with CPUs of its own. */
const LENGTH_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads a text file by its name of today. A file mounted into a pod by itself can be read still when it was replaced on the host;
 * then it has no name any more, and counts as absent.
 * @throws the error of the operating system; ENOENT for a replaced file, EFBIG for one that is larger than any state.
 */
export async function readCurrentFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { nlink, size } = await file.stat();
    if (nlink === 0) throw Object.assign(new Error(`ENOENT: ${path} was replaced`), { code: 'ENOENT' });
    if (size > LENGTH_BYTES_MAX) throw Object.assign(new Error(`EFBIG: ${path} has ${size} bytes`), { code: 'EFBIG' });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
