import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { optionRows } from './options.ts';

/** Texts near the grammars of the options, and any other text. */
const nearText = fc.oneof(
  fc.stringMatching(/^[-0-9,:/=.a-zA-Z \n[\]]{0,12}$/),
  fc.string(),
  fc.constantFrom('', '0', '0-3,8', '3-1', '0-zz', ':8080', '[::1]:80', 'n-1.a', ' N1 ', 'a=1,,b=2', '/', '/a/', 'T'),
);

/** The value of an option that has been read, or undefined when the text is refused. */
function isTaken(row: (typeof optionRows)[number][1], text: string): boolean {
  return 'value' in row.value.read(text);
}

for (const [name, row] of optionRows) {
  const { pattern, allowed } = row.value;
  if (pattern === undefined) {
    test(`options.${name} has a pattern or a list of words`, () => assert.ok(allowed && allowed.length > 1));
    continue;
  }
  test(`options.${name}: every text that is taken matches the pattern of the schemas`, () => {
    const expression = new RegExp(pattern);
    fc.assert(
      fc.property(nearText, (text) => {
        if (isTaken(row, text)) assert.match(text, expression);
      }),
      { numRuns: 2_000 },
    );
  });
}

for (const [name, refused] of [
  ['reservedCpus', ['0-zz', '0-', '-1', '0,,1', '0 1', '0-7:1/2', ',', 'all', '0-3-5']],
  ['nodeName', ['a_b', '-a', 'a.', 'a b', ' ', 'a..b']],
  ['bindAddress', ['8080', ':', 'a:b', ':123456', '::1:80']],
  ['moduleVerbosity', ['nri', 'nri=', '=4', 'nri=a', 'nri=4=5']],
  ['hostRoot', ['', 'host', './host']],
  ['podUid', ['a/b', '-a', '..']],
  ['podName', ['A', 'a/b', '-a']],
  ['verbosity', ['-1', '1.5', 'x', '']],
  ['exposePcieRoots', ['yes', '', 'TrUe']],
] as const) {
  test(`options.${name}: texts that are refused do not match the pattern either`, () => {
    const row = new Map(optionRows).get(name);
    assert.ok(row?.value.pattern);
    const expression = new RegExp(row.value.pattern);
    for (const text of refused) {
      assert.equal(isTaken(row, text), false, text);
      assert.doesNotMatch(text, expression);
    }
  });
}
