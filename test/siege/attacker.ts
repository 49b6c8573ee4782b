/** A hostile client in a process of its own: `attacker.ts NAME PORT SEED` attacks until it is killed. */
import { attack, type AttackName, attacks, chooseBySeed } from './attacks.ts';

const [name = '', port, seed] = process.argv.slice(2);
const choices = chooseBySeed(Number(seed));
const names = Object.keys(attacks) as AttackName[];
const chosen = name === 'everything at once' ? names : names.filter((each) => each === name);
if (chosen.length === 0) throw new RangeError(`no attack ${JSON.stringify(name)}; want one of ${names.join(', ')}`);
for (const each of chosen) attack(Number(port), attacks[each], choices);
