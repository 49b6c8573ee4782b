/** Rendering the chart in tests. */
import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { CHART, findHelm, renderChart } from '../../hack/helm.ts';
import type { ApiObject } from './openapi.ts';

const helm = findHelm();

/** Why tests of the chart cannot run here; false where they can. */
export const skipChart: string | false = 'missing' in helm ? helm.missing : false;

/** The program; only where the tests are not skipped. */
export const helmPath: string = 'path' in helm ? helm.path : '';

/** What is different from installing the chart as `dra-driver-cpu` in kube-system without any value. */
export interface RenderOptions {
  readonly chart?: string;
  readonly release?: string;
  /** As with `--set`. */
  readonly set?: readonly string[];
  /** More options of `helm template`. */
  readonly options?: readonly string[];
}

/** The objects that YAML holds, in its order. */
export function parseObjects(text: string): readonly ApiObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = (document as { toJS(): ApiObject | null }).toJS();
    return object ? [object] : [];
  });
}

/** The objects of a release. Throws with Helm's message when it refuses the values. */
export function render({ chart = CHART, release = 'dra-driver-cpu', set = [], options = [] }: RenderOptions = {}) {
  const settings = set.flatMap((setting) => ['--set', setting]);
  return parseObjects(
    renderChart(helmPath, { chart, release, namespace: 'kube-system', options: [...settings, ...options] }),
  );
}

/** Asserts that Helm refuses the values with a message. */
export function refuses(options: RenderOptions, message: RegExp): void {
  assert.throws(
    () => render(options),
    (error: { stderr: string }) => {
      assert.match(error.stderr, message);
      return true;
    },
  );
}

/** A part of an object by its path with dots, such as "spec.template.spec.containers.0.args". */
export function pick(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
}

/** The objects of a kind. */
export function filterKind(objects: readonly ApiObject[], kind: string): readonly ApiObject[] {
  return objects.filter((object) => object.kind === kind);
}

/** The object of a kind; undefined when there is none. */
export function findKind(objects: readonly ApiObject[], kind: string): ApiObject | undefined {
  return objects.find((object) => object.kind === kind);
}
