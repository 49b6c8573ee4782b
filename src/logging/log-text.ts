import { boundText, type LogEvent, type LogLevel, toJsonFields } from './log-line.ts';

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

/**
 * A log line like klog's text form (k8s.io/klog/v2 2.130, textlogger), where a module stands in place of file and line.
 * Texts are quoted as JSON, so that an event is always one line. Fields without a value are left out.
 * @example 'I1124 09:39:00.120000      17 driver] "Placed container" container="shop/db/main" cpus="0-3"\n'
 */
export function formatLogText({ level, module, message, fields, time, pid }: LogEvent): string {
  const head = `${LETTERS[level]}${formatTime(time)} ${String(pid).padStart(PID_WIDTH)} ${module}]`;
  const values = toJsonFields(fields).map(([key, json]) => ` ${key}=${json}`);
  return `${head} ${JSON.stringify(boundText(message))}${values.join('')}\n`;
}
