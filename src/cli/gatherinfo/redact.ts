/** What stands where a secret stood. */
const REMOVED = '<removed>';

/** Keys whose text is a secret or may carry one. */
const SECRET_KEY = /pass(?:word|wd|phrase)|secret|token|credential|authorization|api-?key|private-?key|client-?key/i;

/** Texts that are secrets wherever they stand: JSON web tokens, authorization headers, private keys in PEM. */
const SECRET_TEXTS: readonly RegExp[] = [
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(?:Bearer|Basic)\s+[\w+/=.~-]{8,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];

/** Keys that are left out: bulky, or copies of other fields in which secrets would survive. */
const LEFT_OUT: ReadonlySet<string> = new Set(['managedFields', 'kubectl.kubernetes.io/last-applied-configuration']);

/** Keys of a container below which users put what they like: values are removed, names stay. */
const FREE_TEXT: ReadonlySet<string> = new Set(['command', 'args']);

/** A text without the secrets that can be told by their form. */
export function redactText(text: string): string {
  return SECRET_TEXTS.reduce((result, pattern) => result.replace(pattern, REMOVED), text);
}

function redactEntry(key: string, value: unknown): unknown {
  if (key === 'env' && Array.isArray(value)) return value.map(redactVariable);
  if (FREE_TEXT.has(key) && Array.isArray(value)) return value.map(() => REMOVED);
  if (SECRET_KEY.test(key) && (typeof value === 'string' || typeof value === 'number')) return REMOVED;
  return redact(value);
}

/** An environment variable of a pod ({name, value}) or of a CDI file ("NAME=value"); the driver's own keep their values. */
function redactVariable(variable: unknown): unknown {
  if (typeof variable === 'string') {
    return variable.startsWith('DRA_CPUSET') ? variable : `${variable.split('=')[0]}=${REMOVED}`;
  }
  if (typeof variable !== 'object' || variable === null || !('value' in variable)) return redact(variable);
  return { ...variable, value: REMOVED };
}

/**
 * A copy of JSON data without secrets: values under names that tell of secrets, environment variables, commands and arguments
 * of containers, and texts that look like tokens or keys. What is removed leaves a mark, so that it is seen to have been there.
 */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !LEFT_OUT.has(key));
  return Object.fromEntries(entries.map(([key, item]) => [key, redactEntry(key, item)]));
}
