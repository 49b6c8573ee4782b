import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Semver } from './semver.ts';

describe('Semver', () => {
  it('orders versions as semver.org lists them', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.10.0',
      '2.0.0',
    ];
    const shuffled = [...ordered].sort();
    shuffled.sort((a, b) => Number(Semver.parse(a)!.compareTo(Semver.parse(b)!)));
    assert.deepEqual(shuffled, ordered);
  });

  it('takes build metadata for no difference', () => {
    assert.equal(Semver.parse('1.2.3+a')!.compareTo(Semver.parse('1.2.3+b')!), 0n);
  });

  for (const text of ['1.2', 'v1.2.3', '01.2.3', '']) {
    it(`does not read ${JSON.stringify(text)}`, () => assert.equal(Semver.parse(text), undefined));
  }
});
