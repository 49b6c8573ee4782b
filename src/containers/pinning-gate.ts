import { sleep } from '../lib/backoff.ts';

/** Time for a runtime that restarts to come back, in milliseconds; the kubelet's call may take 45 s (1.37). */
const PINNING_TIMEOUT_MS = 10_000;

/** Opens while the container runtime's state is known, so that claims wait for it a bounded time. */
export class PinningGate {
  #isOpen = false;
  #reason = 'the driver has just started';
  #opened = Promise.withResolvers<void>();

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  close(reason: string): void {
    this.#reason = reason;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#opened = Promise.withResolvers<void>();
  }

  /** Resolves when the gate is open, or with the reason why it is not when that takes too long. */
  async whenOpen(): Promise<string | undefined> {
    if (this.#isOpen) return undefined;
    const abort = new AbortController();
    await Promise.race([this.#opened.promise, sleep(PINNING_TIMEOUT_MS, abort.signal)]);
    abort.abort();
    return this.#isOpen ? undefined : this.#reason;
  }
}
