/**
 * A number with its noun.
 * @param plural default: the noun with an "s".
 * @example countOf(1, 'CPU') // '1 CPU'
 */
export function countOf(count: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${count} ${Number(count) === 1 ? noun : plural}`;
}

/** CPUs by number with their noun: "CPU 4", "CPUs 4-5". */
export function nameCpus(cpus: { readonly size: number; toString(): string }): string {
  return `${cpus.size === 1 ? 'CPU' : 'CPUs'} ${cpus.toString()}`;
}

/** The form of a verb that goes with so many. */
export function verbFor(count: number, singular: string, plural: string): string {
  return count === 1 ? singular : plural;
}
