import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAttributeUses } from './attribute-uses.ts';

/** Uses as texts: "attributes dra.cpu/x", with "?" after a guarded one. */
function uses(expression: string): string[] {
  return findAttributeUses(expression).map(
    ({ of, domain, name, isGuarded }) => `${of} ${domain}/${name}${isGuarded ? '?' : ''}`,
  );
}

const CPU = 'device.attributes["dra.cpu"]';

const cases: [expression: string, found: string[]][] = [
  [`${CPU}.numaNodeID == 0`, ['attributes dra.cpu/numaNodeID']],
  [`${CPU}["numaNodeID"] == 0`, ['attributes dra.cpu/numaNodeID']],
  [`device . attributes [ 'dra.cpu' ] . numaNodeID in [0, 1]`, ['attributes dra.cpu/numaNodeID']],
  [`has(${CPU}.coreType)`, ['attributes dra.cpu/coreType?']],
  [`"coreType" in ${CPU}`, ['attributes dra.cpu/coreType?']],
  [`${CPU}.?coreType.orValue("x") == "x"`, ['attributes dra.cpu/coreType?']],
  [`${CPU}[?"coreType"].hasValue()`, ['attributes dra.cpu/coreType?']],
  [`device.attributes[?"dra.cpu"].?coreType.hasValue()`, ['attributes dra.cpu/coreType?']],
  [`has(${CPU}.a) && ${CPU}.a == 1 && ${CPU}.b == 2`, ['attributes dra.cpu/a?', 'attributes dra.cpu/b']],
  [`${CPU}.a == 1 || has(${CPU}.a)`, ['attributes dra.cpu/a?']],
  [`device.capacity["dra.cpu"].cpu.compareTo(quantity("4")) > 0`, ['capacity dra.cpu/cpu']],
  [`device.attributes["x.io"].list.exists(v, v == ${CPU}.a)`, ['attributes x.io/list', 'attributes dra.cpu/a']],
  [`cel.bind(c, ${CPU}.a, c == 1)`, ['attributes dra.cpu/a']],
  [`!(${CPU}.a ? ${CPU}.b : ${CPU}.c)`, ['attributes dra.cpu/a', 'attributes dra.cpu/b', 'attributes dra.cpu/c']],
  [`"device.attributes['dra.cpu'].text" != ""`, []],
  [`other.attributes["dra.cpu"].a == 1`, []],
  ['device.driver == "dra.cpu"', []],
  ['1 +', []],
];

for (const [expression, found] of cases) {
  test(`findAttributeUses finds in ${expression}: ${found.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(uses(expression), found);
  });
}
