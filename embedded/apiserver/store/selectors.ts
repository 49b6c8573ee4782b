import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import { badRequest } from '../status-error.ts';

/** Decides whether an object is meant. */
export type Predicate = (object: KubeObject) => boolean;

/** How to narrow a list or a watch; texts in the syntax of `kubectl -l` and `--field-selector`. */
export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Longest selector text that is read. */
const SELECTOR_LENGTH_MAX = 4096;

const KEY = '([A-Za-z0-9][A-Za-z0-9_./-]*)';
/** `key`, `!key`, `key=value`, `key in (a,b)`: key, operator, values. */
const LABEL_TERM = new RegExp(`^!?\\s*${KEY}\\s*(?:(==|=|!=)\\s*([A-Za-z0-9_.-]*)|\\s(in|notin)\\s*\\(([^()]*)\\))?$`);

/** Splits at commas outside parentheses. */
function splitTerms(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).map((term) => term.trim());
}

function labelPredicate(term: string): (value: string | undefined) => boolean {
  const [, , comparison, value = '', membership, list = ''] = LABEL_TERM.exec(term) ?? [];
  const values = membership === undefined ? [value] : list.split(',').map((item) => item.trim());
  switch (comparison ?? membership ?? '') {
    case '=':
    case '==':
      return (value) => value === values[0];
    case '!=':
      return (value) => value !== values[0];
    case 'in':
      return (value) => value !== undefined && values.includes(value);
    case 'notin':
      return (value) => value === undefined || !values.includes(value);
    default:
      return term.startsWith('!') ? (value) => value === undefined : (value) => value !== undefined;
  }
}

/**
 * Reads a label selector.
 * @throws StatusError BadRequest on a term that cannot be read.
 */
export function parseLabelSelector(selector: string): Predicate {
  if (selector.length > SELECTOR_LENGTH_MAX) throw badRequest('Cannot read the label selector: it is too long');
  const tests = splitTerms(selector)
    .filter((term) => term !== '')
    .map((term) => {
      const match = LABEL_TERM.exec(term);
      const key = match?.[1];
      if (key === undefined) throw badRequest(`unable to parse requirement: cannot read label term '${term}'`);
      const accepts = labelPredicate(term);
      return (object: KubeObject) => accepts(object.metadata.labels?.[key]);
    });
  return (object) => tests.every((test) => test(object));
}

/**
 * Reads a field selector over the given selectable paths.
 * @throws StatusError BadRequest on an unknown field or a term that cannot be read.
 */
export function parseFieldSelector(selector: string, selectable: readonly string[]): Predicate {
  const known = ['metadata.name', 'metadata.namespace', ...selectable];
  const tests = splitTerms(selector)
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^([A-Za-z0-9.]+)(==|=|!=)(.*)$/.exec(term);
      if (!match) throw badRequest(`invalid field selector: cannot read term '${term}'`);
      const [, path = '', operator, value = ''] = match;
      if (!known.includes(path)) throw badRequest(`field label not supported: ${path}`);
      return (object: KubeObject) => {
        const found = valueAt(object, path);
        const text = typeof found === 'string' ? found : JSON.stringify(found ?? '').replaceAll('"', '');
        return (text === value) === (operator !== '!=');
      };
    });
  return (object) => tests.every((test) => test(object));
}

/** One predicate for everything a selection says. */
export function parseSelection(selection: Selection, selectable: readonly string[]): Predicate {
  const { namespace, labelSelector = '', fieldSelector = '' } = selection;
  const tests: Predicate[] = [];
  if (namespace !== undefined && namespace !== '') tests.push((object) => object.metadata.namespace === namespace);
  if (labelSelector !== '') tests.push(parseLabelSelector(labelSelector));
  if (fieldSelector !== '') tests.push(parseFieldSelector(fieldSelector, selectable));
  return (object) => tests.every((test) => test(object));
}
