import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { invariant } from '../../src/lib/invariant.ts';
import type { NodeCommand } from '../node/node-commands.ts';
import type { NodeResponse, ReadyLine } from '../node/serve-node.ts';
import { CodedError } from '../../src/lib/coded-error.ts';

/** How a program is started: the executable and its first arguments. */
export type Program = readonly [string, ...string[]];

/** A process of ours that is not as it should be. */
class ChildProcessError extends CodedError<'Ended' | 'CommandFailed'> {
  override readonly name = 'ChildProcessError';
}

/** How long a node may take to end its containers before it is killed. */
const STOP_TIMEOUT_MS = 10_000;

function hasEnded(): ChildProcessError {
  return new ChildProcessError('Ended', 'Cannot command the embedded node: its process has ended');
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** An embedded node in a process of its own, which ends with this one. */
export class NodeProcess {
  readonly ready: ReadyLine;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #hasEnded = false;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, ready: ReadyLine) {
    this.#child = child;
    this.ready = ready;
    this.#ended = this.#readAnswers(lines);
  }

  /**
   * Starts a node; `logFd` takes what it has to say.
   * @throws ChildProcessError when it ends before it is ready.
   */
  static async start(
    program: Program,
    { args, logFd }: { args: readonly string[]; logFd: number },
  ): Promise<NodeProcess> {
    const [file, ...first] = program;
    const child = spawn(file, [...first, 'embedded-node', ...args], { stdio: ['pipe', 'pipe', logFd] });
    const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
    failed.catch(() => undefined);
    invariant(child.stdout !== null && child.stdin !== null, 'a child with pipes has streams');
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = await Promise.race([lines.next(), failed]);
    if (line.done === true) {
      throw new ChildProcessError('Ended', 'Cannot start the embedded node: its process ended before it was ready');
    }
    return new NodeProcess(child, lines, JSON.parse(line.value) as ReadyLine);
  }

  /** Tells it to do something. @throws ChildProcessError with its reason, or when it has ended. */
  call(command: NodeCommand): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#hasEnded) reject(hasEnded());
    this.#waiting.set(id, { resolve, reject });
    this.#child.stdin?.write(`${JSON.stringify({ id, command })}\n`);
    return promise;
  }

  /** Ends it and its containers. May be called twice. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#ended;
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    clearTimeout(timer);
  }

  async #readAnswers(lines: AsyncIterator<string>): Promise<void> {
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      const response = JSON.parse(line.value) as NodeResponse;
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      if ('error' in response) waiting?.reject(new ChildProcessError('CommandFailed', response.error));
      else waiting?.resolve(response.result);
    }
    this.#hasEnded = true;
    for (const waiting of this.#waiting.values()) waiting.reject(hasEnded());
    this.#waiting.clear();
  }
}
