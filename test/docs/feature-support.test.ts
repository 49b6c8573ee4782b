/** Keeps docs/feature-support.md true: files that it names are there, and have the tests and objects that it quotes. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const PAGE = 'docs/feature-support.md';
/** Stands in a quote for what differs from case to case of a table. */
const GAP = ' … ';

/** A file that a row names, with what the row quotes from it. */
interface Evidence {
  readonly path: string;
  readonly quotes: readonly string[];
}

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
  readonly evidence: readonly Evidence[];
}

/** The rows of the page's tables, without their heads. */
function readRows(): Row[] {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  return lines.flatMap((text, index) => {
    const isHead = lines[index + 1]?.startsWith('| ---') ?? false;
    if (!text.startsWith('|') || text.startsWith('| ---') || isHead) return [];
    const cells = text.split('|').slice(1, -1);
    const links = [...(cells.at(-1) ?? '').matchAll(/\[[^\]]+\]\(([^)]+)\)((?:,? `[^`]+`)*)/g)];
    const evidence = links.map(([, target = '', quoted = '']) => ({
      path: join(dirname(PAGE), target),
      quotes: [...quoted.matchAll(/`([^`]+)`/g)].map(([, quote = '']) => quote),
    }));
    return [{ line: index + 1, cells: cells.map((cell) => cell.trim()), evidence }];
  });
}

/** The titles of a test file as they are written there, `${}` and all. */
function listTitles(source: string): string[] {
  const titles = source.matchAll(/\b(?:test|it|describe)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g);
  return [...titles].map(([, , title = '']) => title.replaceAll(/\\(.)/g, '$1'));
}

/** What of a quote the file does not have. */
function findMissing({ path, quotes }: Evidence): string[] {
  if (!existsSync(path)) return [`${path} does not exist`];
  if (statSync(path).isDirectory()) return [];
  const source = readFileSync(path, 'utf8');
  const isTest = /^(src|embedded|test)\/.*test\.ts$|in-guest\.ts$/.test(path);
  const titles = isTest ? listTitles(source) : [];
  return quotes.flatMap((quote) => {
    const [first = '', ...others] = quote.split(GAP);
    const isThere = isTest ? titles.some((title) => title.includes(first)) : source.includes(first);
    const absent = [...(isThere ? [] : [first]), ...others.filter((other) => !source.includes(other))];
    return absent.map((text) => `${path} has no ${isTest ? 'test' : 'text'} ${JSON.stringify(text)}`);
  });
}

const rows = readRows();

test(`${PAGE}: names files that exist and quotes tests that they have`, () => {
  assert.deepEqual(
    rows.flatMap(({ line, evidence }) => evidence.flatMap(findMissing).map((problem) => `${PAGE}:${line}: ${problem}`)),
    [],
  );
});

test(`${PAGE}: quotes a test wherever it names a test file`, () => {
  const unquoted = rows.flatMap(({ line, evidence }) =>
    evidence
      .filter(({ path, quotes }) => path.endsWith('.test.ts') && quotes.length === 0)
      .map(({ path }) => `${PAGE}:${line}: ${path}`),
  );
  assert.deepEqual(unquoted, []);
});

test(`${PAGE}: every row is shown by something, or says that it is not`, () => {
  const bare = rows.filter(({ cells, evidence }) => {
    const says = cells.slice(1).join(' ');
    return evidence.length === 0 && !/^no\b|not shown/.test(says);
  });
  assert.deepEqual(
    bare.map(({ line, cells }) => `${PAGE}:${line}: ${cells[0]}`),
    [],
  );
  assert.ok(rows.length > 100, `${rows.length} rows`);
});
