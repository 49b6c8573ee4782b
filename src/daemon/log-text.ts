import type { LogFields } from '../lib/log.ts';

/** What a log line is about: a failure, something unusual, an event, a step. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** One event to be written. */
export interface LogEvent {
  readonly level: LogLevel;
  readonly module: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
  readonly time: Date;
}

/** klog's first letter of a line. Debug lines are info lines of a higher verbosity there. */
const LETTERS: Readonly<Record<LogLevel, string>> = { error: 'E', warn: 'W', info: 'I', debug: 'I' };
/** klog pads the thread id to this many columns. */
const PID_WIDTH = 7;

const two = (value: number) => String(value).padStart(2, '0');

/** klog's date and time: month, day, local time in microseconds, of which JavaScript knows thousands. */
function formatTime(time: Date): string {
  const day = `${two(time.getMonth() + 1)}${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}000`;
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? JSON.stringify(String(value));
  } catch (error) {
    // A log line must never be the reason that a decision fails: cycles and throwing getters end here.
    return JSON.stringify(`unprintable: ${error instanceof Error ? error.message : typeof error}`);
  }
}

/**
 * A log line like klog's text form (k8s.io/klog/v2 2.130, textlogger), where a module stands in place of file and line. Texts
 * are quoted as JSON, so that an event is always one line. Fields without a value are left out.
 * @example 'I1124 09:39:00.120000      17 driver] "container placed" container="shop/db/main" cpus="0-3"\n'
 */
export function formatLogText({ level, module, message, fields, time }: LogEvent, pid: number): string {
  let line = `${LETTERS[level]}${formatTime(time)} ${String(pid).padStart(PID_WIDTH)} ${module}] ${JSON.stringify(message)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) line += ` ${key}=${formatValue(value)}`;
  }
  return `${line}\n`;
}
