/** Why this machine cannot run what a test needs: the test is skipped with it. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}
