import type { KubeObject } from '../../../src/resource-api/kube-object.ts';

const texts = new WeakMap<KubeObject, string>();
const itemTexts = new WeakMap<KubeObject, string>();

function remembered(cache: WeakMap<KubeObject, string>, object: KubeObject, make: () => string): string {
  const known = cache.get(object);
  if (known !== undefined) return known;
  const text = make();
  cache.set(object, text);
  return text;
}

/** JSON of a stored object; made once, however many watches send it. */
export function objectText(object: KubeObject): string {
  return remembered(texts, object, () => JSON.stringify(object));
}

/** JSON of an object as an item of a list: the real server leaves out apiVersion and kind there. */
export function itemText(object: KubeObject): string {
  return remembered(itemTexts, object, () => {
    const { apiVersion: _version, kind: _kind, ...rest } = object;
    return JSON.stringify(rest);
  });
}
