import { readFileSync } from 'node:fs';

/** When a process started, in clock ticks after boot: field 22 of /proc/PID/stat (proc(5)); undefined when it is gone. */
function readStartTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Processes that are to end with this one. */
export class ProcessGuard {
  /** When each process started. */
  readonly #processes = new Map<number, string>();

  /** Takes a process in charge. */
  take(pid: number): void {
    const startTime = readStartTime(pid);
    if (startTime !== undefined) this.#processes.set(pid, startTime);
  }

  /** Ends those that have not ended: the number of one that has may be another's by now. */
  end(): void {
    for (const [pid, startTime] of this.#processes) if (readStartTime(pid) === startTime) process.kill(pid, 'SIGKILL');
    this.#processes.clear();
  }
}
