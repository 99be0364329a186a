// Failed logins: after how many an address is held up, for how long, who is not, and what it all may cost.

import t from 'tap'
import { peer } from '../../test/support/odd-envelopes.ts'
import { tableRig } from '../../test/support/table-rig.ts'
import type { Peer } from '../contract/envelope.ts'
import { createFailedLogins, failedLoginTables } from './failed-logins.ts'
import type { FailedLogins } from './failed-logins.ts'

interface Rig { logins: FailedLogins, other: FailedLogins, pass: (ms: number) => void }

/** Two workers of one node. */
function rigOf (failedLoginsMax = 20): Rig {
  const rigs = failedLoginTables(failedLoginsMax).map(settings => tableRig(settings, 2, 1_000_000))
  const [logins, other] = [0, 1].map(worker =>
    createFailedLogins({ failedLoginsMax, tables: rigs.flatMap(({ tables }) => tables[worker] ?? []) }))
  if (logins === undefined || other === undefined) throw new Error('a rig has two workers')
  return { logins, other, pass (ms) { for (const rig of rigs) rig.pass(ms) } }
}

function from (address: string): Peer { return { ...peer, address } }

function fail (logins: FailedLogins, address: string, count: number): void {
  for (let at = 0; at < count; at++) logins.failed(from(address))
}

function heldMs ({ logins }: Rig, address: string): number { return logins.heldUp(from(address))?.retryAfterMs ?? 0 }

t.test('twenty wrong credentials hold nobody up; one more does, and nobody else is', async t => {
  const rig = rigOf()
  fail(rig.logins, '203.0.113.7', 20)
  t.equal(heldMs(rig, '203.0.113.7'), 0)
  fail(rig.logins, '203.0.113.7', 1)
  t.equal(heldMs(rig, '203.0.113.7'), 1_000)
  t.match(rig.logins.heldUp(from('203.0.113.7')), { code: 'rate-limited', outcome: 'refused' })
  t.equal(heldMs(rig, '203.0.113.8'), 0)
  rig.pass(999)
  t.equal(heldMs(rig, '203.0.113.7'), 1)
  rig.pass(1)
  t.equal(heldMs(rig, '203.0.113.7'), 0)
})

t.test('each further wrong one doubles the time, up to five minutes, while a doubling is forgotten in ten', async t => {
  const rig = rigOf()
  fail(rig.logins, '::1', 21)
  const times: number[] = []
  for (let round = 0; round < 11; round++) {
    times.push(heldMs(rig, '::1'))
    rig.pass(heldMs(rig, '::1'))
    fail(rig.logins, '::1', 1)
  }
  t.same(times, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 256].map(seconds => seconds * 1_000))
})

t.test('failures that were on their way when it was held up do not make it longer', async t => {
  const rig = rigOf()
  fail(rig.logins, '203.0.113.7', 500)
  t.equal(heldMs(rig, '203.0.113.7'), 1_000)
})

t.test('failures wear off: less than twenty a minute are never held up', async t => {
  const rig = rigOf()
  for (let count = 0; count < 500; count++) {
    fail(rig.logins, '203.0.113.7', 1)
    t.equal(heldMs(rig, '203.0.113.7'), 0)
    rig.pass(3_001)
  }
})

t.test('who was held up has one more each time, and twenty again when ten quiet minutes are over', async t => {
  const rig = rigOf()
  fail(rig.logins, '203.0.113.7', 21)
  rig.pass(60_000)
  fail(rig.logins, '203.0.113.7', 1)
  t.equal(heldMs(rig, '203.0.113.7'), 2_000)
  rig.pass(1_200_000)
  fail(rig.logins, '203.0.113.7', 20)
  t.equal(heldMs(rig, '203.0.113.7'), 0)
  fail(rig.logins, '203.0.113.7', 1)
  t.equal(heldMs(rig, '203.0.113.7'), 1_000)
})

t.test('addresses of one /64, and an address and its mapped form, are one', async t => {
  const rig = rigOf()
  for (let at = 0; at < 21; at++) fail(rig.logins, `2001:db8:0:1::${at.toString(16)}`, 1)
  t.equal(heldMs(rig, '2001:db8:0:1:ffff::1'), 1_000)
  t.equal(heldMs(rig, '2001:db8:0:2::1'), 0)
  fail(rig.logins, '::ffff:203.0.113.7', 21)
  t.equal(heldMs(rig, '203.0.113.7'), 1_000)
})

t.test('a connection that has proved itself is not held up by others, until it fails itself', async t => {
  const rig = rigOf()
  const proven = from('203.0.113.7')
  rig.logins.succeeded(proven)
  fail(rig.logins, '203.0.113.7', 21)
  t.equal(rig.logins.heldUp(proven), undefined)
  t.equal(heldMs(rig, '203.0.113.7'), 1_000, 'another connection of the same address')
  rig.logins.failed(proven)
  t.match(rig.logins.heldUp(proven), { code: 'rate-limited' })
})

t.test('without a bound nobody is held up, and failures are counted', async t => {
  const rig = rigOf(0)
  fail(rig.logins, '203.0.113.7', 1_000)
  t.equal(heldMs(rig, '203.0.113.7'), 0)
  t.equal(rig.logins.gauges.get('failed_logins_total')?.(), 1_000)
})

t.test('a million addresses that fail hold up nobody who does not, and who goes on failing is not forgotten', async t => {
  const rig = rigOf()
  const address = (at: number): string => `${10 + (at >> 24)}.${at >> 16 & 255}.${at >> 8 & 255}.${at & 255}`
  for (let at = 0; at < 1_000_000; at++) {
    rig.logins.failed(from(address(at)))
    if (at % 5_000 === 0) fail(rig.logins, '203.0.113.7', 1)
  }
  t.ok(heldMs(rig, '203.0.113.7') > 0)
  for (let at = 0; at < 1_000; at++) t.equal(heldMs(rig, `198.51.${at >> 8}.${at & 255}`), 0)
})

t.test('guesses that are under way are bounded by the failures that the address has left', async t => {
  const rig = rigOf(4)
  const gates: (() => void)[] = []
  const begin = (one: Peer): void => {
    void rig.logins.during(one, new Promise<void>(resolve => gates.push(resolve)))
  }
  const address = '203.0.113.7'
  for (let at = 0; at < 16; at++) {
    t.equal(heldMs(rig, address), 0)
    begin(from(address))
  }
  t.match(rig.logins.heldUp(from(address)), { code: 'rate-limited', detail: /being checked/, retryAfterMs: 1_000 })
  t.equal(heldMs(rig, '203.0.113.8'), 0, 'nobody else')
  const proven = from(address)
  rig.logins.succeeded(proven)
  t.equal(rig.logins.heldUp(proven), undefined, 'who is proven is neither held up')
  await rig.logins.during(proven, Promise.resolve())
  t.equal(rig.logins.gauges.get('logins_under_way')?.(), 16, 'nor counted')
  for (const open of gates.splice(0, 14)) open()
  await new Promise(setImmediate)
  t.equal(heldMs(rig, address), 0)
  fail(rig.logins, address, 2)
  t.equal(heldMs(rig, address), 1_000, 'two are under way, and two are left')
  for (const open of gates) open()
  await new Promise(setImmediate)
  t.equal(heldMs(rig, address), 0)
  t.equal(rig.logins.gauges.get('logins_under_way')?.(), 0)
  const open = rigOf(0)
  void open.logins.during(from(address), new Promise<void>(() => {}))
  t.equal(open.logins.gauges.get('logins_under_way')?.(), 0, 'without a bound nothing is counted')
})

t.test('all workers give an address the same answer, by all of its failures', async t => {
  const rig = rigOf()
  const { logins, other } = rig
  const address = '203.0.113.7'
  fail(logins, address, 12)
  fail(other, address, 8)
  for (const one of [logins, other]) t.equal(one.heldUp(from(address)), undefined, 'twenty in all')
  fail(logins, address, 1)
  for (const one of [logins, other]) t.match(one.heldUp(from(address)), { retryAfterMs: 1_000 }, 'the next one')
  fail(other, address, 1)
  rig.pass(1_000)
  for (const one of [logins, other]) t.equal(one.heldUp(from(address)), undefined, 'what was on its way does not count')
  fail(other, address, 1)
  for (const one of [logins, other]) t.match(one.heldUp(from(address)), { retryAfterMs: 2_000 })
  t.equal(other.heldUp(from('203.0.113.8')), undefined)
})

t.test('checks under way are counted for the node', async t => {
  const { logins, other } = rigOf(2)
  const address = '203.0.113.7'
  const gates: (() => void)[] = []
  const begin = (one: FailedLogins): Promise<void> =>
    one.during(from(address), new Promise<void>(resolve => gates.push(resolve)))
  const begun = [logins, logins, logins, logins, logins, logins, logins].map(begin)
  t.equal(logins.heldUp(from(address)), undefined, 'seven of eight')
  begun.push(begin(other))
  for (const one of [logins, other]) t.match(one.heldUp(from(address)), { detail: /being checked/ })
  for (const open of gates) open()
  await Promise.all(begun)
  begun.push(begin(other))
  t.equal(other.heldUp(from(address)), undefined)
})
