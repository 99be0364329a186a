// Admission: what is refused when room is short, to whom, with which advice; and when the pressure signal is on.

import t from 'tap'
import type { Principal } from '../contract/envelope.ts'
import { checkMs, createAdmission, createSignal } from './admission.ts'
import type { Admission } from './admission.ts'

const person = (name: string): Principal => ({ name, groups: [], anonymous: false })
const alice = person('alice')
const bob = person('bob')

interface Rig {
  readonly admission: Admission
  readonly changes: boolean[]
  setLevel (bytes: number): void
  /** Reserves for a sender as often as it is granted, at most `count` times. */
  fill (principal: Principal, bytes: number, count: number): number
  /** Some intervals in which so much is written, each event taking so long. */
  pass (intervals: number, bytes: number, durationMs: number): void
}

function rigOf (bytesMax: number, delayTargetMs = 2_000): Rig {
  let level = 0
  const admission = createAdmission({
    workersCount: 1,
    delayTargetMs,
    budget: {
      bytesMax,
      leasedBytes: () => level,
      take (bytes) {
        if (level + bytes > bytesMax) return false
        level += bytes
        return true
      },
      give (bytes) { level -= bytes }
    }
  })
  const changes: boolean[] = []
  admission.pressure.watch(on => changes.push(on))
  return {
    admission, changes,
    setLevel: bytes => { level = bytes },
    fill (principal, bytes, count) {
      let granted = 0
      while (granted < count && admission.reserve(bytes, principal) === undefined) granted++
      return granted
    },
    pass (intervals, bytes, durationMs) {
      for (let i = 0; i < intervals; i++) {
        admission.written(bytes, durationMs)
        admission.check()
      }
    }
  }
}

t.test('one sender is granted up to the high watermark, then refused with a time to come back', async t => {
  const { admission, fill } = rigOf(1_000)
  t.equal(fill(alice, 100, 100), 9, 'until the level is above 80 percent')
  const refusal = admission.reserve(100, alice)
  t.match(refusal, { code: 'overloaded', outcome: 'refused' })
  const retryAfterMs = refusal?.retryAfterMs ?? 0
  t.ok(retryAfterMs >= 1_000 && retryAfterMs <= 2_000, `${retryAfterMs}`)
  admission.release(100, alice)
  t.equal(admission.reserve(100, alice), undefined)
})

t.test('who has nothing under way finds room above the high watermark, and then a share', async t => {
  const { admission, fill } = rigOf(1_000)
  fill(alice, 100, 100)
  t.equal(admission.reserve(50, bob), undefined)
  t.equal(admission.reserve(40, bob), undefined, 'below its share')
  t.match(admission.reserve(100, alice), { code: 'overloaded' })
  t.match(admission.reserve(100, bob), { code: 'overloaded' }, 'the budget itself is used up')
})

t.test('what can never fit is too large and not overloaded', async t => {
  const { admission } = rigOf(1_000)
  t.match(admission.reserve(1_001, alice), { code: 'too-large', detail: /1001 bytes.*1000/ })
  t.equal(admission.reserve(1_000, alice), undefined)
})

t.test('where events take too long, only so much may be under way as is written within the target', async t => {
  const { admission, fill, pass } = rigOf(1e9, 2_000)
  t.equal(fill(alice, 1_000_000, 100), 100, 'no limit below the watermark while all is well')
  pass(20, 1_000_100, 99)
  t.equal(admission.reserve(1, alice), undefined, 'the target is kept, and nothing shows a backlog')
  pass(20, 1_000_100, 2_001)
  t.match(admission.reserve(1, alice), { code: 'overloaded' })
  for (let i = 0; i < 90; i++) admission.release(1_000_000, alice)
  t.equal(fill(alice, 1_000_000, 100), 10, '10 MB a second for two seconds')
  const { retryAfterMs = 0 } = admission.reserve(10_000, alice) ?? {}
  t.ok(retryAfterMs >= 1_900 && retryAfterMs <= 4_200, `what is ahead, at that pace: ${retryAfterMs}`)
  pass(1, 1_000_000, 999)
  t.equal(admission.reserve(1, alice), undefined, 'the limit is gone when events are quick again')
})

t.test('while there is a backlog, no more comes in than its deadlines allow', async t => {
  const { admission, fill, pass } = rigOf(1e9, 2_000)
  fill(alice, 1_000_000, 1)
  pass(20, 1_000_100, 500)
  t.equal(fill(alice, 1_000_000, 100), 39, '10 MB a second for four seconds')
  pass(5, 1_000_100, 90)
  t.equal(fill(alice, 1_000_000, 100), 100, 'events are quick again')
  t.equal(admission.gauges.get('admitted_bytes')?.(), 140_000_000)
})

t.test('the pace is remembered for a while without load', async t => {
  const { admission, fill, pass } = rigOf(1e9, 2_000)
  fill(alice, 1_000_000, 1)
  pass(20, 1_000_100, 500)
  admission.release(1_000_000, alice)
  for (let i = 0; i < 100; i++) admission.check()
  t.equal(fill(alice, 1_000_000, 100), 40, 'a flood out of nothing')
  admission.release(40_000_000, alice)
  for (let i = 0; i < 101; i++) admission.check()
  t.equal(fill(alice, 1_000_000, 100), 100)
})

t.test('one slow moment is no backlog', async t => {
  const { fill, pass } = rigOf(1e9, 2_000)
  fill(alice, 1_000, 1)
  pass(2, 1_000, 500)
  pass(1, 1_000, 50)
  pass(2, 1_000, 500)
  t.equal(fill(alice, 1_000_000, 100), 100)
})

t.test('what comes in bursts has the pace of the time between them', async t => {
  const { admission, fill } = rigOf(1e9, 2_000)
  fill(alice, 1_000_000, 100)
  for (let burst = 0; burst < 10; burst++) {
    for (let i = 0; i < 9; i++) admission.check()
    admission.written(1_000_000, 3_000)
    admission.check()
  }
  t.equal(Math.round(admission.gauges.get('written_bytes_per_second')?.() ?? 0), 1_000_000)
})

t.test('then a flooding sender is refused, and another one keeps its share', async t => {
  const { admission, fill, pass } = rigOf(1e9, 2_000)
  fill(alice, 1_000_000, 40)
  pass(30, 1_000_100, 3_000)
  t.equal(fill(alice, 1_000_000, 10), 0)
  t.equal(fill(bob, 1_000_000, 100), 10, 'half of the 20 MB that are written within the target')
  for (let i = 0; i < 40; i++) admission.release(1_000_000, alice)
  t.equal(fill(alice, 1_000_000, 100), 10)
})

t.test('a sink that stands still is not slow: what waits for it may fill the budget', async t => {
  const { admission, fill } = rigOf(1e9, 2_000)
  fill(alice, 1_000_000, 50)
  for (let i = 0; i < 100; i++) admission.check()
  t.equal(fill(alice, 1_000_000, 50), 50)
  t.equal(admission.gauges.get('admitted_bytes')?.(), 100_000_000)
})

t.test('however slow, a little may always be under way, so that the pace can grow', async t => {
  const { fill, pass } = rigOf(1e9, 2_000)
  fill(alice, 1_000, 1)
  pass(30, 1, 5_000)
  t.ok(fill(alice, 1_000, 1_000) > 500)
})

t.test('senders are told different times, so that they do not come back together', async t => {
  const { admission, fill } = rigOf(1_000)
  fill(alice, 100, 100)
  const times = new Set(Array.from({ length: 50 }, () => admission.reserve(100, alice)?.retryAfterMs))
  t.ok(times.size > 10, `${times.size}`)
})

t.test('nobody is remembered who has nothing under way', async t => {
  const { admission } = rigOf(1e9)
  for (let i = 0; i < 100; i++) {
    const principal = person(`sender ${i}`)
    admission.reserve(10, principal)
    t.equal(admission.gauges.get('admitted_senders')?.(), 1)
    admission.release(10, principal)
  }
  t.equal(admission.gauges.get('admitted_senders')?.(), 0)
})

t.test('pressure goes on above 80 percent and off below 60, and nothing is told in between', async t => {
  const { admission, changes, setLevel } = rigOf(1_000)
  const levels: [number, boolean][] = [
    [800, false], [801, true], [700, true], [600, true], [599, false], [700, false], [800, false], [801, true]
  ]
  for (const [bytes, on] of levels) {
    setLevel(bytes)
    admission.check()
    t.equal(admission.pressure.on, on, `${bytes}`)
  }
  t.same(changes, [true, false, true])
  t.equal(checkMs, 100)
})

t.test('a refusal and a release look at the level without waiting for the next check', async t => {
  const { admission, changes } = rigOf(1_000)
  admission.reserve(900, alice)
  t.match(admission.reserve(200, bob), { code: 'overloaded' })
  t.same(changes, [true])
  admission.release(250, alice)
  t.same(changes, [true])
  admission.release(100, alice)
  t.same(changes, [true, false])
})

t.test('a signal tells those who watch now, and only changes', async t => {
  const { signal, set } = createSignal()
  const told: string[] = []
  const stop = signal.watch(on => told.push(`first ${on}`))
  signal.watch(on => told.push(`second ${on}`))
  set(false)
  set(true)
  set(true)
  stop()
  set(false)
  t.same(told, ['first true', 'second true', 'second false'])
  t.equal(signal.on, false)
})
