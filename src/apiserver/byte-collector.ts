/** Room for the first bytes; grows by doubling. */
const INITIAL_BYTES = 4 * 1024;

/**
 * Bytes that arrive in pieces, in one piece. They are copied into one buffer, so that a peer which sends them one by one makes
 * it cost no more memory than one that sends them at once.
 */
export class ByteCollector {
  readonly #lengthMax: number;
  #buffer = Buffer.alloc(0);
  #length = 0;

  /** @param lengthMax the most bytes it takes. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get length(): number {
    return this.#length;
  }

  /** Appends a piece. @throws RangeError when there are more than it may take. */
  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#lengthMax) throw new RangeError(`it is longer than ${this.#lengthMax} bytes`);
    if (length > this.#buffer.length) this.#grow(length);
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
  }

  /** The bytes as text; none are left. */
  takeText(): string {
    const text = this.#buffer.toString('utf8', 0, this.#length);
    // A large buffer is not kept for the small pieces that usually follow.
    if (this.#buffer.length > INITIAL_BYTES) this.#buffer = Buffer.alloc(0);
    this.#length = 0;
    return text;
  }

  #grow(length: number): void {
    const size = Math.max(INITIAL_BYTES, Math.min(this.#lengthMax, 2 * this.#buffer.length), length);
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
