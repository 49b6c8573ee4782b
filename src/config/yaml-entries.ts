import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Pair,
  parseAllDocuments,
} from 'yaml';

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A key and its value in a flat YAML file. */
export interface YamlEntry {
  readonly key: string;
  readonly keyPlace: Place;
  /** The value, undefined where a map or a list stands. */
  readonly plain: unknown;
  /** The value as the file writes it. */
  readonly source: string;
  readonly valuePlace: Place;
}

/** What makes a text no flat YAML file. */
interface YamlProblem {
  readonly place: Place;
  readonly state: string;
}

/** The entries in their order, repeated keys too, and what is wrong with the text. */
export interface YamlEntries {
  readonly entries: readonly YamlEntry[];
  readonly problems: readonly YamlProblem[];
}

/** Whether a node is an alias of nothing. */
function isLost(document: Document, node: unknown): node is Alias {
  return isAlias(node) && node.resolve(document) === undefined;
}

type FindPlace = (offset: number | undefined) => Place;

/** A scalar the way the file writes it, "" for anything else. */
function writeScalar(node: unknown): string {
  if (!isScalar(node)) return '';
  return node.source ?? (typeof node.value === 'string' ? node.value : '');
}

/** The entry of a pair. Aliases are followed; nothing is expanded, so that no small file becomes a large object. */
function toEntry(document: Document, pair: Pair, findPlace: FindPlace): YamlEntry {
  const follow = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  const offsetOf = (node: unknown) => (isNode(node) ? node.range?.[0] : undefined);
  const value = follow(pair.value);
  const keyOffset = offsetOf(pair.key);
  const isNothing = value === null || value === undefined;
  return {
    key: writeScalar(follow(pair.key)),
    keyPlace: findPlace(keyOffset),
    plain: isScalar(value) ? value.value : isNothing ? null : undefined,
    source: writeScalar(value),
    valuePlace: findPlace(offsetOf(pair.value) ?? keyOffset),
  };
}

/**
 * Reads a YAML text with one flat map. YAML 1.1, the version of Kubernetes' own reader (sigs.k8s.io/yaml), so that `yes` and
 * `on` are booleans there and here.
 */
export function readYamlEntries(text: string): YamlEntries {
  const lineCounter = new LineCounter();
  const findPlace: FindPlace = (offset = 0) => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const documents: readonly Document[] = parseAllDocuments(text, {
    version: '1.1',
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter,
  });
  const problems = documents.flatMap(({ errors }) =>
    errors.map((error) => ({ place: findPlace(error.pos[0]), state: `this is no YAML (${error.message})` })),
  );
  const [document, second] = documents;
  if (second) problems.push({ place: findPlace(second.range?.[0]), state: 'a second document starts here; want one' });
  const contents = document?.contents;
  if (problems.length > 0 || !document || !contents) return { entries: [], problems };
  if (isMap(contents)) {
    const lost = contents.items.flatMap(({ key, value }) => [key, value]).filter((node) => isLost(document, node));
    problems.push(
      ...lost.map(({ source, range }) => ({ place: findPlace(range?.[0]), state: `alias *${source} has no anchor` })),
    );
    return { entries: contents.items.map((pair) => toEntry(document, pair, findPlace)), problems };
  }
  if (!isScalar(contents) || contents.value !== null) {
    const state = 'this is no map; want keys and values such as "groupBy: socket"';
    problems.push({ place: findPlace(contents.range?.[0]), state });
  }
  return { entries: [], problems };
}
