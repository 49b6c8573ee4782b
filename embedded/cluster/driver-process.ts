import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Program } from './node-process.ts';
import type { ReadyLine } from '../node/serve-node.ts';

/** How a driver is started beside a node. */
export interface DriverProcessOptions {
  readonly node: ReadyLine;
  /** Further flags. */
  readonly args?: readonly string[];
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes its log. */
  readonly logFd: number;
}

/** How long the driver may take to stop when asked; the real one has 30 s and needs far less. */
const STOP_TIMEOUT_MS = 10_000;

/** The real driver as a process of its own, to be killed and started again at will. */
export class DriverProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = Promise.race([once(child, 'exit'), once(child, 'error').then(() => undefined)]);
  }

  /** Starts the driver on a node: the same program without a subcommand. */
  static start([file, ...first]: Program, { node, args = [], env = {}, logFd }: DriverProcessOptions): DriverProcess {
    const flags = {
      kubeconfig: node.kubeconfig,
      'kubelet-root-dir': node.kubeletRoot,
      'nri-socket': node.nriSocket,
      'cdi-dir': node.cdiDirectory,
    };
    const own = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const child = spawn(file, [...first, ...own, ...args], {
      stdio: ['ignore', logFd, logFd],
      env: { ...process.env, NODE_NAME: node.nodeName, HOST_ROOT: node.hostRoot, ...env },
    });
    return new DriverProcess(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it ends by itself; its exit code, null after a signal. */
  async waitForExit(): Promise<number | null> {
    await this.#exited;
    return this.#child.exitCode;
  }

  /** SIGKILL: it has no time for anything. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to stop; its exit code. May be called twice. */
  async stop(): Promise<number | null> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    const exitCode = await this.waitForExit();
    clearTimeout(timer);
    return exitCode;
  }
}
