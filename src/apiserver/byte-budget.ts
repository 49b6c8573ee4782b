/** A number of bytes that several answers may take together while they arrive. */
export class ByteBudget {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes bytes. @throws RangeError when they are not left. */
  take(bytes: number): void {
    if (this.#taken + bytes > this.#max)
      throw new RangeError(`all answers on their way together are longer than ${this.#max} bytes`);
    this.#taken += bytes;
  }

  /** Gives bytes back. */
  give(bytes: number): void {
    this.#taken -= bytes;
  }
}
