import { isWithin } from '../lib/json.ts';
import type { LogFields } from '../lib/log.ts';
import { quote } from '../lib/quote.ts';
import { shorten } from '../lib/shorten.ts';

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

/** What one field of a line says, in characters; the names of all devices of a node of 512 CPUs fit. */
const VALUE_LENGTH_MAX = 8_192;
/** The same for a text: a reason is read, not searched. */
const TEXT_LENGTH_MAX = 4_096;
const DEPTH_MAX = 8;

/** A value that is short enough for a line; of larger ones the beginning, and of an error its text. */
export function boundLogValue(value: unknown): unknown {
  if (value instanceof Error) return shorten(value.message, TEXT_LENGTH_MAX);
  if (typeof value === 'string') return shorten(value, TEXT_LENGTH_MAX);
  try {
    return isWithin(value, { lengthMax: VALUE_LENGTH_MAX, depthMax: DEPTH_MAX }) ? value : quote(value);
  } catch (error) {
    // A log line must never be the reason that a decision fails: throwing getters end here.
    return `unprintable: ${error instanceof Error ? error.message : typeof error}`;
  }
}

function formatValue(given: unknown): string {
  const value = boundLogValue(given);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? JSON.stringify(String(value));
  } catch (error) {
    // Cycles, and JSON of their own that throws, end here.
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
