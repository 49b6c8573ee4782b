import { quote } from './quote.ts';
/**
 * The number of inserted, deleted, replaced or swapped neighbouring letters between two words (optimal string alignment
 * distance).
 */
function measureDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let best = Math.min(replace, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Names longer than this are not compared: nobody mistypes them, and the comparison is quadratic. */
const NAME_LENGTH_MAX = 64;

/**
 * The candidate that `name` is most likely a misspelling of, or undefined when none is near: at most one letter in three
 * differs, capitals, dashes and underscores do not count. The first of equally near candidates wins.
 * @example nearestName('grup-by', ['cpu-device-mode', 'group-by']) // 'group-by'
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const fold = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  const wanted = fold(name);
  let nearest: string | undefined;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const longer = Math.max(wanted.length, folded.length);
    const distance = measureDistance(wanted, folded);
    const isNear = distance < longer && distance <= Math.max(1, Math.floor(longer / 3));
    if (isNear && distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** `; did you mean "group-by"?`, or nothing when no candidate is near: the end of a message about an unknown name. */
export function suggestName(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? '' : `; did you mean ${quote(nearest)}?`;
}
