import { checkClaims } from './claims.ts';
import { type Issue, type Manifest, readManifests } from './manifest.ts';
import { checkPods, type PodRules } from './pods.ts';

/** A text with the name that messages call it by. */
export interface ManifestText {
  readonly file: string;
  readonly text: string;
}

/** Checks all objects of some texts against each other; issues come in the order of the texts and their lines. */
export function validateManifests(
  texts: readonly ManifestText[],
  rules: PodRules,
): { manifests: readonly Manifest[]; issues: readonly Issue[] } {
  const read = texts.map(({ file, text }) => readManifests(file, text));
  const manifests = read.flatMap((file) => file.manifests);
  const issues = read.flatMap((file) => file.issues);
  const facts = checkClaims(manifests, issues);
  checkPods(manifests, { facts, rules, issues });
  const order = new Map(texts.map(({ file }, i) => [file, i]));
  const rank = (issue: Issue) => order.get(issue.file) ?? 0;
  return { manifests, issues: issues.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column) };
}
