// Admission: what is refused when the buffer is full, and when the pressure signal goes on and off.

import t from 'tap'
import { createAdmission, createSignal } from './admission.ts'
import type { Admission, ByteBudget } from './admission.ts'

interface Rig { admission: Admission, setLevel: (bytes: number) => void, changes: boolean[] }

function rigOf (bytesMax: number): Rig {
  let level = 0
  const budget: ByteBudget = {
    bytesMax,
    leasedBytes: () => level,
    take (bytes) {
      if (level + bytes > bytesMax) return false
      level += bytes
      return true
    },
    give (bytes) { level -= bytes }
  }
  const admission = createAdmission(budget)
  const changes: boolean[] = []
  admission.pressure.watch(on => changes.push(on))
  return { admission, changes, setLevel: bytes => { level = bytes } }
}

t.test('bytes are granted up to the budget, then refused with a time to come back', async t => {
  const { admission } = rigOf(1_000)
  t.equal(admission.reserve(600), undefined)
  t.equal(admission.reserve(400), undefined)
  const refusal = admission.reserve(1)
  t.match(refusal, { code: 'overloaded', outcome: 'refused' })
  const retryAfterMs = refusal?.retryAfterMs ?? 0
  t.ok(retryAfterMs >= 1_000 && retryAfterMs < 2_000, `${retryAfterMs}`)
  admission.release(400)
  t.equal(admission.reserve(400), undefined)
})

t.test('senders are told different times, so that they do not come back together', async t => {
  const { admission, setLevel } = rigOf(1_000)
  setLevel(1_000)
  const times = new Set(Array.from({ length: 50 }, () => admission.reserve(1)?.retryAfterMs))
  t.ok(times.size > 10, `${times.size}`)
})

t.test('what can never fit is too large and not overloaded', async t => {
  const { admission } = rigOf(1_000)
  t.match(admission.reserve(1_001), { code: 'too-large', detail: /1001 bytes.*1000/ })
  t.equal(admission.reserve(1_000), undefined)
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
})

t.test('a refusal and a release look at the level without waiting for the next check', async t => {
  const { admission, changes } = rigOf(1_000)
  admission.reserve(900)
  t.match(admission.reserve(200), { code: 'overloaded' })
  t.same(changes, [true])
  admission.release(250)
  t.same(changes, [true])
  admission.release(100)
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
