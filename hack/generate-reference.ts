/**
 * Writes what documentation has from tables in the program: the configuration file's JSON schema, also inside that of the
 * chart's values, and the tables of options, metrics and values between marker comments. `src/config/reference-docs.test.ts` says
 * when this must be run again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describeParametersSchema } from '../src/claims/opaque-parameters.ts';
import { describeDefault } from '../src/config/help.ts';
import { describeConfigSchema } from '../src/config/json-schema.ts';
import { optionRows } from '../src/config/options.ts';
import { describeMetrics, describeRuntimeMetrics } from '../src/metrics/describe-metrics.ts';
import { type ChartFiles, completeValuesSchema, describeValues } from './chart-schema/chart-values.ts';
import { drawReadmePicture } from './readme-picture.ts';
import { describeOpaqueParameters, formatDeviceSections } from './reference-devices.ts';

const CHART = 'deployment/helm/dra-driver-cpu';

/** A cell of a Markdown table. */
const cell = (text: string) => text.replaceAll('|', '\\|');
const code = (text: string | undefined) => (text === undefined ? '' : `\`${cell(text)}\``);
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function formatOptions(): string {
  const rows = optionRows.map(([, option]) => {
    const { key, flag, environment, value, notInFile, help, deprecatedFlag } = option;
    const flagText = flag === undefined ? '' : code(`${flag.length === 1 ? '-' : '--'}${flag}`);
    const values = value.allowed?.map(code).join(', ') ?? code(value.placeholder || 'true|false');
    return [
      notInFile === undefined ? code(key) : '',
      `${flagText}${deprecatedFlag ? ' (deprecated)' : ''}`,
      code(environment),
      values,
      option.default === '' ? describeDefault(option) : code(option.default),
      cell(help),
    ];
  });
  return formatTable(['key', 'flag', 'environment', 'values', 'default', 'what it does'], rows);
}

function formatMetrics(metrics: ReturnType<typeof describeRuntimeMetrics>): string {
  const rows = metrics.map(({ name, type, labels, help }) => [
    code(name),
    type,
    labels.map(code).join(', '),
    cell(help),
  ]);
  return formatTable(['name', 'type', 'labels', 'what it says'], rows);
}

function formatValues(chart: ChartFiles): string {
  const rows = describeValues(chart).map(({ name, type, fallback, help }) => [
    code(name),
    type,
    fallback === undefined ? '' : code(fallback),
    cell(help),
  ]);
  return formatTable(['value', 'type', 'default', 'what it does'], rows);
}

/** A page of sections. */
interface Page {
  readonly path: string;
  readonly sections: ReadonlyMap<string, string>;
}

function describePages(chart: ChartFiles): Page[] {
  const { keys, refusals } = describeOpaqueParameters();
  const parameters = new Map([
    [
      'keys',
      formatTable(
        ['key', 'value', 'what it does'],
        keys.map((cells) => cells.map(cell)),
      ),
    ],
    [
      'refusals',
      formatTable(
        ['`cpuConfig`', 'answer'],
        refusals.map((cells) => cells.map(cell)),
      ),
    ],
  ]);
  return [
    { path: 'docs/reference/configuration.md', sections: new Map([['options', formatOptions()]]) },
    {
      path: 'docs/reference/metrics.md',
      sections: new Map([
        ['metrics', formatMetrics(describeMetrics())],
        ['runtime metrics', formatMetrics(describeRuntimeMetrics())],
      ]),
    },
    { path: 'docs/reference/attributes.md', sections: formatDeviceSections() },
    { path: 'docs/reference/opaque-parameters.md', sections: parameters },
    { path: `${CHART}/README.md`, sections: new Map([['values', formatValues(chart)]]) },
  ];
}

/** Longest line of the repository's formatter. */
const LINE_LENGTH_MAX = 120;

/** JSON with short lists on one line, as the repository's formatter has it. */
function formatJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  const short = text.replace(/^(.*)\[\s+([^\]]*?)\s+\]/gm, (long, before: string, items: string) => {
    const line = `${before}[${items.replace(/\s*\n\s*/g, ' ')}]`;
    return line.length < LINE_LENGTH_MAX ? line : long;
  });
  return `${short}\n`;
}

/** Replaces what stands between the two marker comments of a section. */
function replaceSection(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- generated: ${name} -->`, '<!-- end -->'];
  const from = text.indexOf(start);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new RangeError(`Cannot fill section ${name}: the page has no ${start} ... ${end}`);
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

/** Every generated file with the text it should have, by its path from the root of the repository. */
export function generateReference(readText: (path: string) => string): ReadonlyMap<string, string> {
  const chart: ChartFiles = {
    schema: readText(`${CHART}/values.schema.json`),
    values: readText(`${CHART}/values.yaml`),
    alerts: readText(`${CHART}/files/alerts.yaml`),
  };
  const pages = describePages(chart).map(({ path, sections }) => {
    let text = readText(path);
    for (const [name, content] of sections) text = replaceSection(text, name, content);
    return [path, text] as const;
  });
  return new Map([
    ['docs/reference/driverconfig.schema.json', formatJson(describeConfigSchema())],
    [`${CHART}/values.schema.json`, formatJson(completeValuesSchema(chart))],
    ['docs/reference/opaque-parameters.schema.json', formatJson(describeParametersSchema())],
    ['docs/images/before-after.svg', drawReadmePicture()],
    ...pages,
  ]);
}

if (import.meta.main) {
  for (const [path, text] of generateReference((path) => readFileSync(path, 'utf8'))) writeFileSync(path, text);
}
