import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSelector, SelectorError, selectorProblem, toCelDevice } from './device-selector.ts';

const device = toCelDevice({
  driver: 'dra.cpu',
  attributes: {
    'dra.cpu/numaNodeID': { int: 0 },
    smtEnabled: { bool: true },
    'dra.cpu/coreType': { string: 'p-core' },
    'dra.cpu/version': { version: '1.10.0' },
    'resource.kubernetes.io/pcieRoot': { strings: ['pci0000:00', 'pci0000:80'] },
  },
  capacity: { 'dra.cpu/cpu': { value: '16' } },
  allowMultipleAllocations: true,
});

describe('compileSelector', () => {
  const selections: [string, boolean][] = [
    ['device.driver == "dra.cpu"', true],
    ['device.attributes["dra.cpu"].numaNodeID == 1', false],
    ['device.attributes["dra.cpu"].smtEnabled', true],
    ['"numaNodeID" in device.attributes["dra.cpu"]', true],
    ['has(device.attributes["dra.cpu"].numaNodeID) && device.attributes["dra.cpu"].numaNodeID == 0', true],
    ['!has(device.attributes["dra.cpu"].socketID)', true],
    ['has(device.attributes["dra.net"].rdma)', false],
    ['"dra.cpu" in device.attributes && !("dra.net" in device.attributes)', true],
    ['device.capacity["dra.cpu"].cpu.compareTo(quantity("8")) >= 0', true],
    ['device.capacity["dra.cpu"].cpu.isGreaterThan(quantity("16"))', false],
    ['device.attributes["dra.cpu"].?socketID.orValue(7) == 7', true],
    ['device.attributes["dra.cpu"].version.isGreaterThan(semver("1.9.9"))', true],
    ['cel.bind(cpu, device.attributes["dra.cpu"], has(cpu.numaNodeID) && cpu.numaNodeID == 0)', true],
    ['device.attributes["resource.kubernetes.io"].pcieRoot.exists(root, root == "pci0000:80")', true],
    ['device.attributes["resource.kubernetes.io"].pcieRoot.includes("pci0000:40")', false],
    ['device.attributes["dra.cpu"].coreType.includes("p-core")', true],
    ['device.attributes["dra.cpu"].coreType.matches("^p-")', true],
    ['device.allowMultipleAllocations', true],
  ];
  for (const [expression, isMeant] of selections) {
    it(`${isMeant ? 'selects' : 'refuses'} the device with ${expression}`, () => {
      assert.equal(compileSelector(expression)(device), isMeant);
    });
  }

  it('fails on a device without the attribute, as the real scheduler does', () => {
    assert.throws(() => compileSelector('device.attributes["dra.net"].rdma == true')(device), /No such key: rdma/);
  });

  it('throws a SelectorError for an expression that does not compile', () => {
    assert.throws(() => compileSelector('device.driver =='), SelectorError);
  });
});

describe('selectorProblem', () => {
  for (const expression of ['device.driver', 'device.nope == 1', 'unknown', '1 +', 'device.driver + 1 == 2']) {
    it(`reports ${expression}`, () => assert.match(selectorProblem(expression) ?? '', /compilation failed/));
  }
  it('has nothing to say of a good expression', () => {
    assert.equal(selectorProblem('device.driver == "dra.cpu"'), undefined);
  });
});
