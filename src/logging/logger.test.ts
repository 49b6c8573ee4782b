import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatLogText } from './log-text.ts';
import { createLogger, type LoggerOptions } from './logger.ts';

/** Collects the lines that a logger writes. */
function collectLines(options: Omit<LoggerOptions, 'destination'>) {
  const lines: string[] = [];
  const logger = createLogger({ ...options, destination: { write: (line) => void lines.push(line) } });
  return { logger, lines };
}

const noon = new Date(2026, 10, 4, 12, 3, 4, 5);

const textCases: { title: string; fields: Record<string, unknown>; want: string }[] = [
  { title: 'strings in quotes', fields: { cpus: '0-3' }, want: ' cpus="0-3"' },
  { title: 'an empty string', fields: { cpus: '' }, want: ' cpus=""' },
  { title: 'line breaks on one line', fields: { reason: 'a\nb' }, want: ' reason="a\\nb"' },
  { title: 'numbers and booleans bare', fields: { count: 3, exclusive: true }, want: ' count=3 exclusive=true' },
  { title: 'null', fields: { owner: null }, want: ' owner=null' },
  { title: 'nothing for undefined', fields: { owner: undefined, count: 0 }, want: ' count=0' },
  { title: 'objects as JSON', fields: { claim: { name: 'db' } }, want: ' claim={"name":"db"}' },
  { title: 'the message of errors', fields: { err: new TypeError('bad "x"') }, want: ' err="bad \\"x\\""' },
  { title: 'functions as text', fields: { call: Math.max }, want: ' call="function max() { [native code] }"' },
];

for (const { title, fields, want } of textCases) {
  test(`formatLogText writes ${title}`, () => {
    const line = formatLogText({
      level: 'info',
      module: 'driver',
      message: 'claim prepared',
      fields,
      time: noon,
      pid: 17,
    });
    assert.equal(line, `I1104 12:03:04.005000      17 driver] "claim prepared"${want}\n`);
  });
}

test('formatLogText survives a value that cannot be printed', () => {
  const broken = {
    get field(): string {
      throw new Error('no such thing');
    },
  };
  const line = formatLogText({
    level: 'error',
    module: 'nri',
    message: 'lost',
    fields: { broken },
    time: noon,
    pid: 1,
  });
  assert.match(line, /^E1104 .* nri\] "lost" broken="unprintable: no such thing"\n$/);
});

test('createLogger writes errors, warnings and information at verbosity 0', () => {
  const { logger, lines } = collectLines({ format: 'text', verbosity: 0 });
  const log = logger.forModule('kubelet');
  log.error('one');
  log.warn('two');
  log.info('three');
  log.debug('four');
  assert.deepEqual(
    lines.map((line) => `${line[0]}${line.replace(/^.*\] /, ' ')}`),
    ['E "one"\n', 'W "two"\n', 'I "three"\n'],
  );
});

const verbosityCases: { verbosity: number; vmodule: [string, number][]; module: string; debug: boolean }[] = [
  { verbosity: 3, vmodule: [], module: 'nri', debug: false },
  { verbosity: 4, vmodule: [], module: 'nri', debug: true },
  { verbosity: 0, vmodule: [['nri', 4]], module: 'nri', debug: true },
  { verbosity: 0, vmodule: [['nri', 4]], module: 'kubelet', debug: false },
  { verbosity: 0, vmodule: [['n*', 5]], module: 'nri', debug: true },
  { verbosity: 0, vmodule: [['?ri', 5]], module: 'nri', debug: true },
  { verbosity: 0, vmodule: [['r.', 5]], module: 'nri', debug: false },
  { verbosity: 9, vmodule: [['nri', 0]], module: 'nri', debug: false },
  {
    verbosity: 0,
    vmodule: [
      ['nri', 0],
      ['*', 4],
    ],
    module: 'nri',
    debug: false,
  },
];

for (const { verbosity, vmodule, module, debug } of verbosityCases) {
  const patterns = vmodule.map(([pattern, level]) => `${pattern}=${level}`).join() || 'none';
  for (const format of ['text', 'json'] as const) {
    test(`createLogger (${format}) has debug ${debug ? 'on' : 'off'} for ${module} at -v ${verbosity}, vmodule ${patterns}`, () => {
      const moduleVerbosity = vmodule.map(([pattern, level]) => ({ pattern, verbosity: level }));
      const { logger, lines } = collectLines({ format, verbosity, moduleVerbosity });
      logger.forModule(module).debug('step');
      assert.equal(lines.length, debug ? 1 : 0);
    });
  }
}

test('createLogger writes JSON with level, time, module, message and fields', () => {
  const { logger, lines } = collectLines({ format: 'json', verbosity: 0 });
  const fields = { claim: 'shop/db', cpus: '0-3', reason: new Error('no room'), time: 'renamed' };
  logger.forModule('driver').warn('claim refused', fields);
  const [line = ''] = lines;
  assert.equal(line.match(/"time":/g)?.length, 1);
  const { time, pid, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.equal(pid, process.pid);
  assert.deepEqual(rest, {
    level: 'warn',
    module: 'driver',
    msg: 'claim refused',
    claim: 'shop/db',
    cpus: '0-3',
    reason: 'no room',
    time_: 'renamed',
  });
});

test('createLogger writes short lines, whatever the fields hold (issue 13, line 18)', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  let deep: unknown = 'end';
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  const text = 'x'.repeat(1 << 20);
  const values = [
    text,
    new Error(text),
    [text],
    { text },
    cycle,
    deep,
    Array.from({ length: 1 << 17 }, () => 'device'),
  ];
  for (const format of ['text', 'json'] as const) {
    const { logger, lines } = collectLines({ format, verbosity: 0 });
    for (const value of values) logger.forModule('driver').error('claim not prepared', { value });
    assert.equal(lines.length, values.length);
    for (const line of lines) assert.ok(line.length < 10_000, `${format}: ${line.length} characters`);
    assert.match(lines[0] ?? '', /x{100}\.\.\. \(1048576 characters\)/);
  }
  const names = Array.from({ length: 512 }, (_, index) => `cpudev${index}`);
  const { logger, lines } = collectLines({ format: 'text', verbosity: 0 });
  logger.forModule('driver').info('topology read', { names });
  assert.match(lines[0] ?? '', /"cpudev511"\]\n$/);
});

test('createLogger writes JSON without fields, and fields JSON cannot hold', () => {
  const { logger, lines } = collectLines({ format: 'json', verbosity: 0 });
  const log = logger.forModule('driver');
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  log.info('started');
  log.info('odd', { cycle, err: new Error('cause') });
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
    ['started', 'odd'],
  );
});

for (const format of ['text', 'json'] as const) {
  test(`createLogger (${format}) bounds what one event costs, however long its message and fields are`, () => {
    const { logger, lines } = collectLines({ format, verbosity: 0 });
    const long = 'x'.repeat(1 << 20);
    logger.forModule('driver').error(long, { text: long, error: new Error(long), list: [long], count: 1 });
    const [line = ''] = lines;
    assert.ok(line.length < 20_000, `${line.length} characters`);
    assert.equal(line.match(/\.\.\. \(1048576 characters\)/g)?.length, 3);
  });

  test(`createLogger (${format}) writes every event as one line`, () => {
    const { logger, lines } = collectLines({ format, verbosity: 4 });
    const log = logger.forModule('driver');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), fc.anything()), (message, fields) => {
        log.debug(message, fields);
        const line = lines.pop() ?? '';
        assert.equal(line.indexOf('\n'), line.length - 1);
        assert.equal(lines.length, 0);
        if (format === 'json') JSON.parse(line);
      }),
    );
  });
}
