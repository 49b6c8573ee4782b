import type { Issue } from '../manifest.ts';
import type { GivenSettings } from '../settings.ts';
import { validateManifests } from '../validate.ts';

/** The issues of some documents of one file. */
export function findIssues(documents: readonly (string | object)[], settings: GivenSettings = {}): readonly Issue[] {
  const texts = documents.map((document) => (typeof document === 'string' ? document : JSON.stringify(document)));
  return validateManifests([{ file: 'f.yaml', text: texts.join('\n---\n') }], settings).issues;
}

/** The same as "severity field: what is wanted". */
export function check(documents: readonly (string | object)[], settings: GivenSettings = {}): string[] {
  return findIssues(documents, settings).map(({ severity, field, want }) => `${severity} ${field}: ${want}`);
}
