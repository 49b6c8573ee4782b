/**
 * Tells hostile stories, each from a seed, and says which invariants did not hold:
 *
 *     SEEDS=1000 [FIRST=1] [JOBS=4] node test/hostile/soak.ts    seeds FIRST to FIRST + SEEDS - 1
 *     SEED=17 node test/hostile/soak.ts                          one seed, with every step
 *
 * The last line is `N stories, M violations`; the exit code is 1 when there is any.
 */
import { tellStories } from './tell-stories.ts';
import { describeResult } from './describe-result.ts';

const { SEED, SEEDS = '100', FIRST = '1', JOBS } = process.env;
const seeds =
  SEED === undefined || SEED === ''
    ? Array.from({ length: Number(SEEDS) }, (_, index) => Number(FIRST) + index)
    : [Number(SEED)];

const totals = await tellStories(seeds, {
  ...(JOBS === undefined || JOBS === '' ? {} : { jobs: Number(JOBS) }),
  onResult: (result) => {
    if (seeds.length === 1 || result.violations.length > 0) console.log(describeResult(result));
  },
});
console.log(totals.figures);
console.log(`${totals.stories} stories, ${totals.violations} violations`);
process.exit(totals.violations === 0 ? 0 : 1);
