import { checkApiRules } from './api-rules.ts';
import { checkClaims } from './claims.ts';
import { checkFields } from './fields.ts';
import { type Issue, type Manifest, type ManifestText, readManifests } from './manifest.ts';
import { checkPods } from './pods.ts';
import type { GivenSettings } from './settings.ts';

/** Adds issues about fields that have none yet: the first one says best what is wrong. */
function addMissing(issues: Issue[], more: readonly Issue[]): void {
  const placeOf = ({ file, object, line, column, field }: Issue) => JSON.stringify([file, object, line, column, field]);
  const known = new Set(issues.map(placeOf));
  issues.push(...more.filter((issue) => !known.has(placeOf(issue))));
}

/**
 * Checks all objects of some texts, each by the types and rules of the Kubernetes API and by those of the driver, and against each
 * other; issues come in the order of the texts and their lines.
 * @param given how the driver is set up, before what the texts state.
 */
export function validateManifests(
  texts: readonly ManifestText[],
  given: GivenSettings = {},
): { manifests: readonly Manifest[]; issues: readonly Issue[] } {
  const read = texts.map((text) => readManifests(text, given));
  const manifests = read.flatMap((file) => file.manifests);
  const issues = read.flatMap((file) => file.issues);
  const facts = checkClaims(manifests, issues);
  checkPods(manifests, { facts, issues });
  for (const manifest of manifests) {
    const { reading, issues: ofFields } = checkFields(manifest);
    addMissing(issues, ofFields);
    if (reading) addMissing(issues, checkApiRules(manifest, reading));
  }
  const order = new Map(texts.map(({ file }, i) => [file, i]));
  const rank = (issue: Issue) => order.get(issue.file) ?? 0;
  return { manifests, issues: issues.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column) };
}
