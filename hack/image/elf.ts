/** What an image must know of a 64-bit little-endian ELF program (System V ABI, "Object Files" and "Program Loading"). */

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly lengthBytes: number;
}

function readSegments(elf: Buffer): readonly Segment[] {
  if (elf.toString('latin1', 0, 6) !== '\x7fELF\x02\x01')
    throw new RangeError('Cannot read program: no 64-bit ELF file');
  const start = Number(elf.readBigUInt64LE(32));
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => {
    const at = start + index * PROGRAM_HEADER_BYTES;
    return {
      type: elf.readUInt32LE(at),
      offset: Number(elf.readBigUInt64LE(at + 8)),
      address: Number(elf.readBigUInt64LE(at + 16)),
      lengthBytes: Number(elf.readBigUInt64LE(at + 32)),
    };
  });
}

function readText(elf: Buffer, at: number): string {
  return elf.toString('utf8', at, elf.indexOf(0, at));
}

/** The path of a program's dynamic linker; undefined for a library or a static program. */
export function readInterpreter(elf: Buffer): string | undefined {
  const segment = readSegments(elf).find(({ type }) => type === PT_INTERP);
  return segment && readText(elf, segment.offset);
}

/** The names of the libraries that a program or library asks for, such as "libm.so.6". */
export function readNeeded(elf: Buffer): readonly string[] {
  const segments = readSegments(elf);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (!dynamic) return [];
  const tags: [tag: number, value: number][] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.lengthBytes; at += 16) {
    const tag = Number(elf.readBigInt64LE(at));
    if (tag === DT_NULL) break;
    tags.push([tag, Number(elf.readBigUInt64LE(at + 8))]);
  }
  const address = tags.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0;
  const holder = segments.find(
    (each) => each.type === PT_LOAD && address >= each.address && address < each.address + each.lengthBytes,
  );
  const table = address - (holder?.address ?? 0) + (holder?.offset ?? 0);
  return tags.filter(([tag]) => tag === DT_NEEDED).map(([, value]) => readText(elf, table + value));
}

/** The program without what is not loaded when it runs: symbols, debug information, the table of sections. */
export function stripElf(elf: Buffer): Buffer {
  const loadedBytes = Math.max(
    HEADER_BYTES,
    ...readSegments(elf).map(({ offset, lengthBytes }) => offset + lengthBytes),
  );
  const stripped = Buffer.from(elf.subarray(0, loadedBytes));
  stripped.writeBigUInt64LE(0n, 40); // e_shoff
  stripped.writeUInt16LE(0, 60); // e_shnum
  stripped.writeUInt16LE(0, 62); // e_shstrndx
  return stripped;
}
