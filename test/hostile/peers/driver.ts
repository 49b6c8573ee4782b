import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitedMs } from './fair-clock.ts';

const COMMAND = fileURLToPath(new URL('../../../bin/dracpu', import.meta.url));

/** Where Node keeps the compiled bundle, so that hundreds of starts do not compile it anew. */
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/dracpu', import.meta.url));

/** How a driver is started. */
export interface DriverOptions {
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Takes its log. */
  readonly logPath: string;
}

/** What a process used so far. */
export interface ProcessUsage {
  readonly residentBytes: number;
  /** The most it ever had. */
  readonly residentMaxBytes: number;
  /** How long it was ready to run and had no CPU, in milliseconds: the machine's fault, not the driver's. */
  readonly waitedMs: number;
}

const STOP_TIMEOUT_MS = 10_000;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The built driver as a process. */
export class DriverProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** Whether the story ended it. */
  isEnding = false;

  constructor({ flags, env, logPath }: DriverOptions) {
    const log = openSync(logPath, 'a');
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    this.#child = spawn(COMMAND, args, {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    });
    closeSync(log);
    running.add(this.#child);
    this.#ended = once(this.#child, 'exit').finally(() => running.delete(this.#child));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** "code 1" or "signal SIGKILL"; undefined while it runs. */
  get ending(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null) return `code ${exitCode}`;
    return signalCode === null ? undefined : `signal ${signalCode}`;
  }

  /** SIGKILL, as by the kernel when memory is short. */
  async kill(): Promise<void> {
    this.isEnding = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM; how it ended. */
  async stop(): Promise<string | undefined> {
    this.isEnding = true;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(timer);
    return this.ending;
  }

  /** What the kernel says of the process (proc_pid_status(5)). */
  get usage(): ProcessUsage {
    const status = readOrEmpty(`/proc/${this.pid}/status`);
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    return {
      residentBytes: kib('VmRSS') * 1024,
      residentMaxBytes: kib('VmHWM') * 1024,
      waitedMs: waitedMs(this.pid),
    };
  }
}
