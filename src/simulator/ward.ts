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

/** A process that is to end with this one. */
export class Ward {
  #process: { readonly pid: number; readonly startTime: string } | undefined;

  /** Takes a process in charge, in place of the one before. */
  take(pid: number): void {
    const startTime = readStartTime(pid);
    this.#process = startTime === undefined ? undefined : { pid, startTime };
  }

  /** Ends it, unless it has ended: its number may be another's by now. */
  end(): void {
    const { pid = 0, startTime } = this.#process ?? {};
    if (startTime !== undefined && readStartTime(pid) === startTime) process.kill(pid, 'SIGKILL');
    this.#process = undefined;
  }
}
