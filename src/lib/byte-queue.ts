const EMPTY = new Uint8Array(0);

/** Bytes that arrived in pieces of any size and are taken in pieces of any other. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #head = 0;
  #lengthBytes = 0;

  /** How many bytes wait. */
  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** Appends a piece; it must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#lengthBytes += chunk.length;
  }

  /** The first `lengthBytes` bytes, or undefined while fewer wait. The result may share memory with a pushed piece. */
  take(lengthBytes: number): Uint8Array | undefined {
    if (lengthBytes > this.#lengthBytes) return undefined;
    const first = this.#chunks[this.#head];
    if (first === undefined || lengthBytes === 0) return EMPTY;
    if (first.length >= lengthBytes) return this.#takeFromFirst(first, lengthBytes);
    const bytes = new Uint8Array(lengthBytes);
    let filled = 0;
    while (filled < lengthBytes) {
      const part = this.takeSome(lengthBytes - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  /** Up to `maxBytes` bytes as they arrived, without copying; empty when none wait. */
  takeSome(maxBytes: number): Uint8Array {
    const first = this.#chunks[this.#head];
    return first === undefined ? EMPTY : this.#takeFromFirst(first, Math.min(maxBytes, first.length));
  }

  #takeFromFirst(first: Uint8Array, lengthBytes: number): Uint8Array {
    this.#lengthBytes -= lengthBytes;
    if (lengthBytes < first.length) {
      this.#chunks[this.#head] = first.subarray(lengthBytes);
      return first.subarray(0, lengthBytes);
    }
    this.#head += 1;
    this.#forgetTaken();
    return first;
  }

  /** Drops the taken pieces now and then, so that taking one is cheap and the array does not grow for ever. */
  #forgetTaken(): void {
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
