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
  readonly pid: number;
}

/** Makes a line of an event, with its end. */
export type FormatLine = (event: LogEvent) => string;

/** What one field of a line says, in characters; the names of all devices of a node of 512 CPUs fit. */
const VALUE_LENGTH_MAX = 8_192;

/** The same for a text: a reason is read, not searched. */
const TEXT_LENGTH_MAX = 4_096;
const DEPTH_MAX = 8;

/** A text that is short enough for a line; of a longer one the beginning, and its length. */
export function boundText(text: string): string {
  return shorten(text, TEXT_LENGTH_MAX);
}

/** What JSON writes of a value, texts of what it cannot hold; undefined is text too. */
function stringify(value: unknown): string {
  return JSON.stringify(value) ?? JSON.stringify(boundText(String(value)));
}

/** A value as JSON of bounded length: an error as its message, of a large value the beginning. */
function toJson(value: unknown): string {
  try {
    if (typeof value === 'string') return JSON.stringify(boundText(value));
    if (value instanceof Error) return JSON.stringify(boundText(value.message));
    if (typeof value === 'bigint') return String(value);
    const isSmall = isWithin(value, { lengthMax: VALUE_LENGTH_MAX, depthMax: DEPTH_MAX });
    return stringify(isSmall ? value : quote(value));
  } catch (error) {
    // A log line must never be the reason that a decision fails: throwing getters and JSON of their own end here.
    return JSON.stringify(`unprintable: ${error instanceof Error ? boundText(error.message) : typeof error}`);
  }
}

/** Fields that have a value, as JSON. */
export function toJsonFields(fields: LogFields | undefined): [string, string][] {
  return Object.entries(fields ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, toJson(value)]);
}
