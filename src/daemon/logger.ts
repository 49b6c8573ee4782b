import { type DestinationStream, destination as openDestination, pino, stdTimeFunctions } from 'pino';
import type { Log, LogFields } from '../lib/log.ts';
import { boundLogValue, formatLogText, type LogLevel } from './log-text.ts';

/** How and how much to log. */
export interface LoggerOptions {
  readonly format: 'text' | 'json';
  /** klog's `-v`: debug lines are written at 4 and more, the level at which Kubernetes components trace their steps. */
  readonly verbosity: number;
  /** klog's `--vmodule`: the first pattern that matches a module's name decides for it. */
  readonly moduleVerbosity?: readonly { readonly pattern: string; readonly verbosity: number }[];
  /** Where lines go; standard error unless given. */
  readonly destination?: DestinationStream;
}

/** Gives each part of the program its log. */
export interface Logger {
  /** The log of a module; its name stands in every line and is what `--vmodule` matches. */
  forModule(module: string): Log;
}

/** From this verbosity on debug lines are written. */
const DEBUG_VERBOSITY = 4;
const STDERR_FD = 2;

/** Whether a shell pattern with `*` and `?` matches a whole name. */
function matchesPattern(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

function isDebugOn(module: string, { verbosity, moduleVerbosity = [] }: LoggerOptions): boolean {
  const match = moduleVerbosity.find(({ pattern }) => matchesPattern(pattern, module));
  return (match?.verbosity ?? verbosity) >= DEBUG_VERBOSITY;
}

function createTextLog(module: string, stream: DestinationStream, debug: boolean): Log {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    stream.write(formatLogText({ level, module, message, fields, time: new Date() }, process.pid));
  };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: debug ? write('debug') : () => {} };
}

/** Names that pino itself writes; a field of that name gets an underscore, so that no line has a key twice. */
const TAKEN_NAMES = new Set(['level', 'time', 'pid', 'module', 'msg']);

/** Fields as JSON may hold them: texts of errors in place of errors, of which JSON keeps nothing, and no more than a line should have. */
function toJsonFields(fields: LogFields): Record<string, unknown> {
  const entries = Object.entries(fields).map(([key, value]): [string, unknown] => [
    TAKEN_NAMES.has(key) ? `${key}_` : key,
    boundLogValue(value),
  ]);
  return Object.fromEntries(entries);
}

function createJsonLog(module: string, stream: DestinationStream, debug: boolean): Log {
  const root = pino(
    {
      base: { pid: process.pid, module },
      level: debug ? 'debug' : 'info',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    root[level](toJsonFields(fields ?? {}), message);
  };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: debug ? write('debug') : () => {} };
}

/**
 * Logs to standard error, one line an event. Writing is synchronous: the last line before the process ends is the one that
 * matters most.
 */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.destination ?? openDestination({ dest: STDERR_FD, sync: true });
  const createLog = options.format === 'json' ? createJsonLog : createTextLog;
  return { forModule: (module) => createLog(module, stream, isDebugOn(module, options)) };
}
