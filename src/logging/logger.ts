import type { Log, LogFields } from '../lib/log.ts';
import { formatLogJson } from './log-json.ts';
import type { FormatLine, LogLevel } from './log-line.ts';
import { formatLogText } from './log-text.ts';
import { StderrWriter } from './stderr-writer.ts';

/** How and how much to log. */
export interface LoggerOptions {
  readonly format: 'text' | 'json';
  /** klog's `-v`: debug lines are written at 4 and more, the level at which Kubernetes components trace their steps. */
  readonly verbosity: number;
  /** klog's `--vmodule`: the first pattern that matches a module's name decides for it. */
  readonly moduleVerbosity?: readonly { readonly pattern: string; readonly verbosity: number }[];
  /** Takes the lines; standard error by default. */
  readonly destination?: { write(line: string): void };
}

/** Gives each part of the program its log. */
export interface Logger {
  /** The log of a module; its name is part of every line and is what `--vmodule` matches. */
  forModule(module: string): Log;
}

/** From this verbosity on debug lines are written. */
const DEBUG_VERBOSITY = 4;

const FORMATS: Readonly<Record<LoggerOptions['format'], FormatLine>> = { text: formatLogText, json: formatLogJson };

/** Whether a shell pattern with `*` and `?` matches a whole name. */
function matchesPattern(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

function isDebugOn(module: string, { verbosity, moduleVerbosity = [] }: LoggerOptions): boolean {
  const match = moduleVerbosity.find(({ pattern }) => matchesPattern(pattern, module));
  return (match?.verbosity ?? verbosity) >= DEBUG_VERBOSITY;
}

/** Logs to standard error, one line per event. */
export function createLogger(options: LoggerOptions): Logger {
  const { format, destination = new StderrWriter() } = options;
  const forModule = (module: string): Log => {
    const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
      destination.write(FORMATS[format]({ level, module, message, fields, time: new Date(), pid: process.pid }));
    };
    const debug = isDebugOn(module, options) ? write('debug') : () => {};
    return { error: write('error'), warn: write('warn'), info: write('info'), debug };
  };
  return { forModule };
}
