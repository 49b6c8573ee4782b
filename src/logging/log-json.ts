import { boundText, type LogEvent, toJsonFields } from './log-line.ts';

/** Keys of every line; a field of that name gets an underscore, so that no line has a key twice. */
const TAKEN_KEYS = new Set(['level', 'time', 'pid', 'module', 'msg']);

/**
 * A log line as a JSON object, with the time in UTC (ISO 8601). Fields without a value are left out.
 * @example '{"level":"info","time":"2026-11-24T09:39:00.120Z","pid":17,"module":"driver","cpus":"0-3","msg":"Placed container"}\n'
 */
export function formatLogJson({ level, module, message, fields, time, pid }: LogEvent): string {
  const entries: [string, string][] = [
    ['level', JSON.stringify(level)],
    ['time', JSON.stringify(time.toISOString())],
    ['pid', String(pid)],
    ['module', JSON.stringify(module)],
    ...toJsonFields(fields).map(([key, json]): [string, string] => [TAKEN_KEYS.has(key) ? `${key}_` : key, json]),
    ['msg', JSON.stringify(boundText(message))],
  ];
  return `{${entries.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}\n`;
}
