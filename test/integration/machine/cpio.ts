/** A file of an initramfs. */
export interface CpioFile {
  readonly name: string;
  /** Type and permissions, as in stat(2). */
  readonly mode: number;
  readonly content?: Buffer;
  /** Of a character device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

const ALIGNMENT_BYTES = 4;

function pad(lengthBytes: number): Buffer {
  return Buffer.alloc((ALIGNMENT_BYTES - (lengthBytes % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES);
}

/** One file in the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst, Linux 6.18). */
function writeFile({ name, mode, content = Buffer.alloc(0), device }: CpioFile, inode: number): Buffer[] {
  const path = Buffer.from(`${name}\0`);
  const numbers = [
    inode,
    mode,
    0,
    0,
    1,
    0,
    content.length,
    0,
    0,
    device?.major ?? 0,
    device?.minor ?? 0,
    path.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`);
  return [header, path, pad(header.length + path.length), content, pad(content.length)];
}

/** Packs files into an initramfs. Directories come before what is in them. */
export function packCpio(files: readonly CpioFile[]): Buffer {
  return Buffer.concat([...files, { name: 'TRAILER!!!', mode: 0 }].flatMap((file, i) => writeFile(file, i + 1)));
}
