import { randomBytes } from 'node:crypto';

/** What the name of every claims directory begins with. */
const PREFIX = 'claims';

/** A name as this driver gives them; 15 digits stay exact in a double. */
const GENERATION_NAME = /^claims-(\d{1,15})-[0-9a-f]{8}$/;

/** Digits of a generation in a name, so that a listing shows them in order. */
const DIGITS = 6;

/** Whether an entry of the driver's directory has the name of a claims directory. */
export function isClaimsName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** The generation in a name; 0 for a name that this driver did not choose, such as that of a copy. */
function generationOf(name: string): number {
  return Number(GENERATION_NAME.exec(name)?.[1] ?? 0);
}

/** Orders names of claims directories, the latest generation first. */
export function compareGenerations(a: string, b: string): number {
  const order = generationOf(b) - generationOf(a);
  if (order !== 0) return order;
  return a < b ? 1 : -1;
}

/** A name that no claims directory has had before, of the generation after `latest`. */
export function nextGeneration(latest: string | undefined): string {
  const generation = generationOf(latest ?? '') + 1;
  return `${PREFIX}-${String(generation).padStart(DIGITS, '0')}-${randomBytes(4).toString('hex')}`;
}
