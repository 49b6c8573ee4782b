/** Thrown when the program contradicts itself. Never caught on purpose: it ends the process. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * States what cannot be otherwise.
 * @throws InvariantError when `condition` does not hold; the message says what was believed.
 */
export function invariant(condition: unknown, belief: string): asserts condition {
  if (!condition) throw new InvariantError(`Broken invariant: ${belief}`);
}
